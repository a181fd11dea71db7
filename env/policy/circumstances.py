"""Names that an allow list lets in and that do not fit this one launch."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ...kernel.values import frozen
from .rules import TOOLCHAIN

_OF_A_TERMINAL = ("COLUMNS", "LINES")
LEFT_BEHIND = "checkout left behind"
_PROXY, _SIZE = "caller's toolchain", "terminal size"

MEANINGS = {
    LEFT_BEHIND: "a toolchain home inside a checkout that the agent does not work in, with "
    "`CONDA_DEFAULT_ENV`; entries of PATH there are taken out as well",
    _PROXY: "`RUSTUP_TOOLCHAIN` that `cargo` or `rustup` set for the command that started "
    "codexlab-run, and a `GOROOT` that `go` set so",
    _SIZE: "`COLUMNS` and `LINES` where the agent has a terminal of its own",
}
"""The names that each rule of this module drops."""


@frozen
class Circumstances:
    """The place and manner in which this launch runs its agent.

    :param terminal: the agent has a terminal of its own.
    :param left_behind: physical paths of the checkouts that the agent does not work in.
    """

    terminal: bool = False
    left_behind: tuple[str, ...] = ()


def unfit_names(parent: Mapping[str, str], circumstances: Circumstances) -> dict[str, str]:
    """Return the names that this launch drops, each with the rule that a receipt shows.

    Pure, except that links are resolved.
    """
    found = dict.fromkeys(_left_behind(parent, circumstances.left_behind), LEFT_BEHIND)
    found.update(dict.fromkeys(_of_a_proxy(parent), _PROXY))
    if circumstances.terminal:
        # The caller's terminal had this size at some time. The agent can ask its own terminal.
        found.update(dict.fromkeys(_OF_A_TERMINAL, _SIZE))
    return found


def lies_below(path: str, directories: tuple[str, ...]) -> bool:
    """Tell whether a path lies in one of some directories, by its name or physically."""
    if not directories or not path.startswith("/"):
        return False
    spelled = {os.path.normpath(path), os.path.realpath(path)}
    return any(
        place == directory or place.startswith(directory + "/")
        for place in spelled
        for directory in directories
    )


def _left_behind(parent: Mapping[str, str], directories: tuple[str, ...]) -> set[str]:
    """Return toolchain homes inside a checkout left behind.

    Programs there build, test and change that checkout instead of the agent's workdir.
    """
    names = {name for name in TOOLCHAIN if name in parent and lies_below(parent[name], directories)}
    return names | {"CONDA_DEFAULT_ENV"} if "CONDA_PREFIX" in names else names


def _of_a_proxy(parent: Mapping[str, str]) -> set[str]:
    """Return the names that a toolchain's own launcher set for the command that started us.

    rustup's proxies tell where the choice came from (``RUSTUP_TOOLCHAIN_SOURCE``, 1.29). Older
    proxies do not; there cargo's own variables show that it is at work. ``go test`` and ``go
    generate`` set ``GOROOT`` and put its ``bin`` first in PATH (Go 1.19).
    """
    names: set[str] = set()
    source = parent.get("RUSTUP_TOOLCHAIN_SOURCE")
    if source is None and "CARGO_MANIFEST_DIR" in parent:
        source = "unknown"
    if source not in (None, "env"):
        names.add("RUSTUP_TOOLCHAIN")
    root = parent.get("GOROOT")
    if root and parent.get("PATH", "").split(os.pathsep)[0] == os.path.join(root, "bin"):
        names.add("GOROOT")
    return names
