"""Which directories of the user's were given to runs: linked worktrees, and ``--workdir``.

What is known of a workspace names its last directory alone, and goes with it. The directory
stays. So it is noted in our state directory before an agent is in it, by its device and inode.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from ...kernel.files.atomic import replace_file
from ...kernel.files.regular_file import read_regular
from ...kernel.json_object import parse_json_object
from ..errors import operator_errors
from ..fs import open_below
from ..owner import is_text

_LIMIT = 64 * 1024
_GIVEN, _YOURS = ".given.json", ".yours.json"


def note_given(state_dir: Path, workdir: str, identity: tuple[int, int], user: str) -> None:
    """Note that a directory was given, if it is still there.

    :param user: the workspace whose run had it.
    :raises OperatorError: the filesystem refuses.
    """
    try:
        found = os.stat(workdir)
    except OSError:
        return
    if (found.st_dev, found.st_ino) != identity:
        return
    where = state_dir / "workdirs"
    values = {"v": 1, "workdir": workdir, "inode": identity, "user": user}
    fd = open_below(where, create=True)
    try:
        with operator_errors(where):
            name = f"{identity[0]:x}-{identity[1]:x}{_GIVEN}"
            replace_file(name, json.dumps(values).encode(), dir_fd=fd, durable=False)
    finally:
        os.close(fd)


def all_given(state_dir: Path) -> Iterator[tuple[str, tuple[int, int], str]]:
    """Yield path, device and inode, and the last user of every directory that is noted."""
    where = state_dir / "workdirs"
    try:
        names = [name for name in os.listdir(where) if name.endswith((_GIVEN, _YOURS))]
    except OSError:
        return
    for name in names:
        try:
            values = parse_json_object(read_regular(where / name, _LIMIT))
            workdir, user = values["workdir"], values.get("user", "")
            device, inode = name.split(".")[0].split("-")
            identity = int(device, 16), int(inode, 16)
        except (OSError, ValueError, KeyError):
            continue
        if isinstance(workdir, str) and is_text(workdir) and isinstance(user, str):
            yield workdir, identity, user


def forget_given(identity: tuple[int, int], directory_fd: int) -> None:
    """Delete the note on a directory that is gone."""
    try:
        os.unlink(f"{identity[0]:x}-{identity[1]:x}{_GIVEN}", dir_fd=directory_fd)
    except FileNotFoundError:
        return
