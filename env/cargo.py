"""The place where cargo builds: keys, and the path that codex-lab's scripts compute too."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from pathlib import Path

from ..kernel.errors import CallerError
from ..kernel.values import frozen
from .artifact_root import ARTIFACT_ROOT_VARIABLE, ArtifactRoot

_TARGET_OVERRIDES = ("CARGO_TARGET_DIR", "CODEX_LAB_CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR")
OWN_NAME = ".codexlab"
"""Name beside the repositories below the root under which codexlab keeps its own books."""

_SCOPE = "CODEX_LAB_CARGO_TARGET_SCOPE"
_KEY = "CODEX_LAB_CARGO_TARGET_KEY"
_UNSAFE = r"[^A-Za-z0-9._+-]"
_HASHED = r".*\+[0-9a-f]{16}"
_LONGEST = 100
_LONGEST_SLUG = 60


class CargoScope(StrEnum):
    """Whose a cargo target is; ``off``: cargo is not routed."""

    SHARED = "shared"
    WORKTREE = "worktree"
    AGENT = "agent"
    OFF = "off"


class ScopeError(CallerError):
    """A cargo scope that does not exist."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"cargo scope {scope!r}: expected one of {', '.join(CargoScope)}")


@frozen
class CargoRoute:
    """The changes that routing makes to one child's environment.

    :param variables: to be set; :param removed: names to be taken away.
    :param target_dir: the directory in which raw cargo and codex-lab's scripts build, or None when
        each uses the ``target/`` of its workspace.
    """

    variables: dict[str, str]
    removed: tuple[str, ...]
    target_dir: Path | None


def parse_scope(text: str) -> CargoScope:
    """Return the scope of this name.

    :raises ScopeError: there is none.
    """
    try:
        return CargoScope(text)
    except ValueError:
        raise ScopeError(text) from None


def new_cargo_key(issue: str) -> str:
    """Make a key for a new workspace, ``<issue slug>-<12 hex>``; never the same twice.

    It survives codex-lab's sanitizer and :func:`safe_cargo_key` unchanged.
    """
    slug = _slug(issue).lower().rstrip("-+.")
    return f"{slug}-{os.urandom(6).hex()}"


def safe_cargo_key(text: str) -> str:
    """Return the one path component that stands for ``text``.

    A text that codex-lab's sanitizer leaves alone stays as it is, so both compute one path.
    Excepted are names over 100 characters, with a dot at either end, or with upper-case letters.
    Two keys must not meet on a case-folding volume. Every other text becomes ``<slug>+<16 hex of
    SHA-256>``, and so does a text that already has that form. So the mapping is injective (short of
    a 64-bit hash collision) and therefore *not* idempotent: store the text or the key, not both.
    """
    return text if _stays(text) and text == text.lower() else _hashed(text)


def safe_repo_name(text: str) -> str:
    """Return the path component for a repository of this name.

    Like :func:`safe_cargo_key`, but upper case and repeated hyphens stay: codex-lab uses the
    last segment of the origin as it is.
    """
    plain = 0 < len(text) <= _LONGEST and not re.search(_UNSAFE, text)
    usable = plain and text not in (".", "..", OWN_NAME) and not re.fullmatch(_HASHED, text)
    return text if usable else _hashed(text)


def route_cargo(
    key: str, scope: CargoScope, root: ArtifactRoot, repo_name: str, host: str | None
) -> CargoRoute:
    """Decide cargo's variables. Pure; creates nothing.

    :param key: ready for use, from :func:`new_cargo_key` or :func:`safe_cargo_key`.
    :param repo_name: as :func:`repository_name` found it.
    :param host: as :func:`host_triple` found it; not used without an artifact root.
    :returns: with scope ``off`` nothing set and nothing removed. Otherwise the overrides are
        removed, and scope and key are set. With a usable root, ``CARGO_BUILD_TARGET_DIR`` and the
        root variable are set too; without it, both are removed. The scope ``shared`` has no key.
    """
    if scope is CargoScope.OFF:
        return CargoRoute({}, (), None)
    removed: list[str] = list(_TARGET_OVERRIDES)
    variables = {_SCOPE: scope.value, _KEY: key}
    if scope is CargoScope.SHARED:
        del variables[_KEY]
        removed.append(_KEY)
    if root.path is None:
        removed += ["CARGO_BUILD_TARGET_DIR", ARTIFACT_ROOT_VARIABLE]
        return CargoRoute(variables, tuple(removed), None)
    target = cargo_target_dir(root.path, scope, key, repo_name, host or "unknown-host")
    variables[ARTIFACT_ROOT_VARIABLE] = str(root.path)
    variables["CARGO_BUILD_TARGET_DIR"] = str(target)
    return CargoRoute(variables, tuple(removed), target)


def cargo_target_dir(root: Path, scope: CargoScope, key: str, repo_name: str, host: str) -> Path:
    """Return codex-lab's path for this scope; ``worktree`` and ``agent`` differ only in key."""
    middle = () if scope is CargoScope.SHARED else ("worktrees", key)
    repo, triple = safe_repo_name(repo_name), safe_repo_name(host)
    return root.joinpath("local", repo, *middle, "cargo-target", triple)


def repository_name(origin: str | None, directory: str) -> str:
    """Return codex-lab's name of a repository: the last segment of its origin.

    :param origin: URL of the remote ``origin``; only its last segment is used, so credentials in it
        never appear.
    :param directory: the main checkout, for a repository without origin. Its name is ``<leaf>-<12
        hex>``, so that two of them do not share one target. (codex-lab's own resolver calls all of
        them ``codex-lab``; its harness does as we do.)
    """
    segment = re.split(r"[/:\\]", origin.strip().rstrip("/"))[-1] if origin else ""
    segment = segment.split("@")[-1].removesuffix(".git")
    if segment:
        return segment
    directory = os.path.abspath(directory)
    return f"{_slug(os.path.basename(directory))}-{_digest(directory)[:12]}"


def _stays(text: str) -> bool:
    return (
        0 < len(text) <= _LONGEST
        and not re.search(_UNSAFE, text)
        and "--" not in text
        and text[0] not in "-."
        and text[-1] not in "-."
        and not re.fullmatch(_HASHED, text)
    )


def _hashed(text: str) -> str:
    return f"{_slug(text)}+{_digest(text)[:16]}"


def _slug(text: str) -> str:
    slug = re.sub(r"-+", "-", re.sub(_UNSAFE, "-", text)).strip("-.+")
    return slug[:_LONGEST_SLUG] or "workspace"


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
