"""What our state directory says of a workspace, where its agent cannot write.

Records in a workspace are its agent's to write. This record lies beside the registry. It says
the same of what leads to a kill, to a program's directory, or to a branch. That is the last
run, where it worked, and what was chosen for it. It is written with ``owner.json``.

Where the two differ, this one is right about a run that was not proven empty. Where only
``owner.json`` names such a run, another state directory may have been used: so both are heard.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from ...kernel.files.atomic import replace_file
from ...kernel.files.regular_file import read_regular
from ...kernel.real_path import real_path
from ...kernel.values import frozen, replace
from ...kernel.xdg import state_directory
from ..errors import operator_errors
from ..fs import open_below, read_small
from ..lock_record import overwrite
from ..owner import OWNER_NAMES, DamagedRecord, OwnerRecord, is_text, owner_from, parse_object
from ..paths import WorkspacePaths

_WHERE = "workspaces"
_WIDTH = 2048
_NAME = r"[0-9a-f]{32}\.json"
_TEXTS = ("workdir", "cargo_key", "chosen", "home")


@frozen
class Witness:
    """The facts that we know of one workspace.

    :param owner: the last run, or the one that runs now.
    :param workdir: the directory it worked in; None before that was made.
    :param inode: (device, inode) of that directory.
    :param cargo_key: the key of its builds.
    :param chosen: the agent's own branch, while a lost workdir is made anew on it.
    :param home: the shared home that its codex-home was healed from last.
    """

    owner: OwnerRecord
    workdir: str | None = None
    inode: tuple[int, int] | None = None
    cargo_key: str | None = None
    chosen: str | None = None
    home: str | None = None


_OWN = tuple(name for name in Witness.__match_args__ if name != "owner")


class WitnessFile:
    """The record of one workspace, in an open directory. Written under the claim only.

    :raises OperatorError: the state directory cannot be used.
    """

    def __init__(self, paths: WorkspacePaths, state_dir: Path) -> None:
        self._place = place_of(real_path(paths.base), paths.names)
        self._name, self._where = name_of(self._place), state_dir / _WHERE
        self.path = self._where / self._name
        self._fd = open_below(self._where, create=True)

    def read(self) -> Witness | None:
        """Return our record; None where there is none, or it cannot be read."""
        try:
            return _parse(read_small(self._name, self._fd, self.path) or b"", self._place)
        except DamagedRecord:
            return None

    def write(self, witness: Witness) -> None:
        """Write it down, not durably: after a power cut no survivor can exist."""
        data = _encode(witness, self._place)
        with operator_errors(self.path):
            if not overwrite(self._name, self._fd, data):
                self._sweep()
                replace_file(self._name, data, dir_fd=self._fd, durable=False)

    def _sweep(self) -> None:
        """Remove what writers of this record left who were killed: we hold its claim."""
        for name in os.listdir(self._fd):
            if name.startswith(f".{self._name}.") and name.endswith(".tmp"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._fd)

    def forget(self) -> None:
        """Delete it, for good."""
        self._sweep()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._fd)

    def close(self) -> None:
        """Close the directory."""
        os.close(self._fd)


def read_witness(paths: WorkspacePaths, state_dir: Path | None = None) -> Witness | None:
    """Return our record of a workspace, without its claim; None where there is none."""
    place = place_of(os.path.realpath(paths.base), paths.names)
    return look_up(place, state_dir or state_directory())


def look_up(place: str, state_dir: Path) -> Witness | None:
    """Return our record of the workspace at a place; see `place_of`."""
    try:
        return _parse(read_regular(state_dir / _WHERE / name_of(place)), place)
    except (OSError, DamagedRecord):
        return None


def all_witnesses(state_dir: Path) -> Iterator[tuple[str, Witness]]:
    """Yield the place of every workspace that is known, with what is known of it."""
    where = state_dir / _WHERE
    try:
        names = os.listdir(where)
    except OSError:
        return
    for name in (name for name in names if re.fullmatch(_NAME, name)):
        with contextlib.suppress(OSError, DamagedRecord):
            data = read_regular(where / name)
            place = parse_object(data).get("place")
            if isinstance(place, str) and is_text(place) and name_of(place) == name:
                yield place, _parse(data, place)


def witness_path(paths: WorkspacePaths, state_dir: Path) -> Path:
    """Return where the record of a workspace lies."""
    return state_dir / _WHERE / name_of(place_of(os.path.realpath(paths.base), paths.names))


def place_of(base: str, names: tuple[str, ...]) -> str:
    """Return the place that stands for a workspace in the state directory.

    :param base: the workspaces root, resolved. Below it no link is followed anyway.
    """
    return "/".join((base, *names))


def name_of(place: str) -> str:
    """Return the name of a place's record."""
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:32] + ".json"


def _encode(witness: Witness, place: str) -> bytes:
    own = {name: getattr(witness, name) for name in _OWN}
    owner = {name: getattr(witness.owner, name) for name in OWNER_NAMES}
    line = json.dumps({"v": 1, **owner, "place": place, **own}).encode()
    return line.ljust(-(-(len(line) + 1) // _WIDTH) * _WIDTH - 1) + b"\n"


def _parse(data: bytes, place: str) -> Witness:
    values = parse_object(data)
    texts = {name: values.get(name) for name in _TEXTS}
    if values.get("place") != place or not all(t is None or is_text(t) for t in texts.values()):
        raise DamagedRecord("place or text")
    return Witness(owner_from(values), inode=_inode(values), **cast("dict[str, Any]", texts))


def _inode(values: Mapping[str, object]) -> tuple[int, int] | None:
    value = values.get("inode")
    numbers = cast("list[object]", value) if isinstance(value, list) else []
    if len(numbers) != 2 or not all(isinstance(number, int) for number in numbers):
        return None
    device, inode = cast("list[int]", numbers)
    return device, inode


def with_owner(witness: Witness | None, owner: OwnerRecord) -> Witness:
    """Return the record as it is once another run is the last."""
    return Witness(owner) if witness is None else replace(witness, owner=owner)
