"""Whether an issue's codex-home lies too deep for the socket of codex's app-server: pure.

An older codex binds the socket below its home, and the kernel takes a path of 107 bytes (unix(7)).
codex 0.171 binds a short path elsewhere, and links to it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_SOCKET = Path("app-server-control", "app-server-control.sock")
_LONGEST = 107
_BARE = "unix://"


def socket_too_deep(command: Sequence[str], codex_home: Path) -> str | None:
    """Return a line if the command asks for that socket and its path is too long, else None.

    :param command: the agent's argv.
    """
    if not _listens_below_home(command):
        return None
    size = len(os.fsencode(codex_home / _SOCKET))
    if size <= _LONGEST:
        return None
    return (
        f"{codex_home / _SOCKET}: {size} bytes, a socket's path has at most {_LONGEST}; codex"
        " before 0.171 may fail to listen: set a shorter --workspaces-root or '--listen unix://PATH'"
    )


def _listens_below_home(command: Sequence[str]) -> bool:
    if "app-server" not in command:
        return False
    following = [*command[1:], ""]
    return any(
        word == f"--listen={_BARE}" or (word == "--listen" and value == _BARE)
        for word, value in zip(command, following, strict=True)
    )
