"""Variables that send output to its place: for a person's shell, or for a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...kernel.errands.own_programs import find_own_program
from ...kernel.files.regular_file import read_regular
from ...kernel.json_object import parse_json_object
from ..artifact_root import ArtifactRoot
from ..cargo import CargoScope, route_cargo
from ..targets.layout import Layout

SCCACHE_WRAPPER = "RUSTC_WRAPPER"


@dataclass(frozen=True, slots=True)
class Exports:
    """Variables for a shell, and the directories they point at.

    :param directories: directories below the root, to be made before anything is written there.
    :param warnings: one line each.
    """

    variables: dict[str, str]
    removed: tuple[str, ...]
    directories: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


def route_caches(layout: Layout, pnpm: int | None = None) -> dict[str, str]:
    """Return the variables of the package managers' caches and of the exec harness.

    :param pnpm: the major version that is installed, as :func:`pnpm_major` found it. pnpm up to 10
        reads only ``npm_config_store_dir``, and from 11 on only ``pnpm_config_store_dir``. The
        former makes npm 11 warn at every call, so it is set only where needed.
    """
    store = str(layout.package_cache("pnpm-store"))
    old = {"npm_config_store_dir": store} if pnpm is not None and pnpm < 11 else {}
    return {
        **old,
        "pnpm_config_store_dir": store,
        "NPM_CONFIG_CACHE": str(layout.package_cache("npm-cache")),
        "CODEX_EXEC_HARNESS_CARGO_TARGET_DIR": str(layout.harness_target),
        "CODEX_EXEC_HARNESS_OUTPUT_ROOT": str(layout.harness_output),
        "CODEX_EXEC_HARNESS_REPORT_JSON": str(layout.harness_report),
    }


def route_temporary(layout: Layout) -> Path:
    """Return the temp directory for this user's shells; each run has its own instead."""
    return layout.package_cache("tmp") / f"u{os.getuid()}"


def shell_exports(
    layout: Layout,
    scope: CargoScope,
    key: str,
    *,
    sccache: str | None,
    want_sccache: bool = False,
    pnpm: int | None = None,
) -> Exports:
    """Decide what ``codexlab artifacts env`` exports. Pure.

    :param sccache: the program, when it is installed.
    :param pnpm: as for :func:`route_caches`.
    :param want_sccache: route rustc through it; without the program, a warning.
    """
    cargo = route_cargo(key, scope, ArtifactRoot(layout.root), layout.repo, layout.host)
    temporary = route_temporary(layout)
    variables = {
        **cargo.variables,
        **route_caches(layout, pnpm),
        **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(temporary)),
    }
    directories = [
        temporary,
        layout.package_cache("pnpm-store"),
        layout.package_cache("npm-cache"),
        layout.harness_output,
    ]
    directories += [cargo.target_dir] if cargo.target_dir else []
    warnings: tuple[str, ...] = ()
    if want_sccache and sccache:
        variables |= {
            SCCACHE_WRAPPER: sccache,
            "SCCACHE_DIR": str(layout.package_cache("sccache")),
        }
        directories.append(layout.package_cache("sccache"))
    elif want_sccache:
        warnings = ("sccache was asked for and is not installed; rustc is used directly",)
    return Exports(variables, cargo.removed, tuple(directories), warnings)


def find_sccache(environment: Mapping[str, str]) -> str | None:
    """Return the path of sccache, when it is installed."""
    return find_own_program("sccache", path=environment.get("PATH", ""))


def pnpm_major(environment: Mapping[str, str]) -> int | None:
    """Return the major version of the installed pnpm, without running it.

    :returns: None when there is no pnpm, or only a shim that fetches one when called.
    """
    program = find_own_program("pnpm", path=environment.get("PATH", ""))
    if program is None:
        return None
    for directory in Path(os.path.realpath(program)).parents[:3]:
        try:
            manifest = parse_json_object(read_regular(directory / "package.json"))
        except (OSError, ValueError):
            continue
        if manifest.get("name") == "pnpm":
            return int(manifest["version"].split(".")[0])
    return None
