"""What the runs of all workspaces use, or used: so that no removal of another one takes it.

Our state directory says so, where no agent in a sandbox can write. Only which repository a
worktree is of comes from the workspace's own record: forged, it keeps something, and no more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...kernel.files.held_locks import FileId, file_id, held_locks
from ...kernel.files.regular_file import read_regular
from ...kernel.values import frozen
from ..owner import DamagedRecord, OwnerRecord
from ..paths import paths_at
from ..records.given_directories import all_given
from ..records.provenance import parse_provenance
from ..records.witness import Witness, all_witnesses

Identity = tuple[int, int]


@frozen
class Use:
    """A directory that a run uses, or used.

    :param path: where it was noted, without links.
    :param what: what it is, in words.
    :param identity: device and inode it was noted with; None where it is known by its place.
    :param holder: the run that holds it now, where that is known.
    :param held: a run holds it now.
    :param place: whose it is: the place of a workspace, without links.
    """

    path: str
    what: str
    identity: Identity | None = None
    holder: OwnerRecord | None = None
    held: bool = False
    place: str = ""


@frozen
class Uses:
    """All that is known of at one moment.

    :param held: device and inode of each directory whose lock is held.
    """

    found: tuple[Use, ...]
    held: frozenset[Identity]


def read_uses(state_dir: Path) -> Uses:
    """Return the directories that all runs use, or used. Reads only, a small file or two each."""
    locked = held_locks()
    held = frozenset(_held_directories(state_dir / "workdirs", locked))
    found: list[Use] = []
    for place, witness in all_witnesses(state_dir):
        found += _of_workspace(place, witness, held, locked)
    known = {use.identity for use in found}
    for workdir, identity, user in all_given(state_dir):
        if identity not in known:
            what = f"was given to a run of {user}" if user else "was given to a run"
            found.append(_directory(workdir, what, identity, None, held))
    return Uses(tuple(found), held)


def _of_workspace(
    place: str, witness: Witness, held: frozenset[Identity], locked: Mapping[FileId, list[int]]
) -> Iterator[Use]:
    paths, owner = paths_at(Path(place)), witness.owner
    holder = None if owner.contained else owner
    name, real = "/".join(paths.names), os.path.realpath(place)
    live = _is_held(paths.lock, locked)
    if os.path.lexists(paths.control):
        yield Use(real, f"is the workspace {name}", None, holder, live, real)
    if witness.workdir is not None and witness.inode is not None:
        what = f"was given to run {owner.run_id} of {name}"
        use = _directory(witness.workdir, what, witness.inode, holder, held)
        # Its own directory goes with it, and is judged as a part of it.
        if use.path != os.path.join(real, "workdir"):
            yield use
    repo = _repository(paths.provenance)
    if repo is not None:
        what = f"is the repository of the workdir of {name}"
        yield Use(repo, what, None, holder, live, real)


def _directory(
    path: str, what: str, identity: Identity, owner: OwnerRecord | None, held: frozenset[Identity]
) -> Use:
    return Use(os.path.realpath(path), what, identity, owner, identity in held)


def _repository(record: Path) -> str | None:
    try:
        repo = parse_provenance(read_regular(record)).repo
    except (OSError, DamagedRecord):
        return None
    return None if repo is None else os.path.realpath(repo)


def _held_directories(where: Path, locked: Mapping[FileId, list[int]]) -> Iterator[Identity]:
    try:
        names = [name for name in os.listdir(where) if name.endswith(".lock")]
    except OSError:
        return
    for name in names:
        if _is_held(where / name, locked):
            try:
                device, inode = name.removesuffix(".lock").split("-")
                yield int(device, 16), int(inode, 16)
            except ValueError:
                continue


def _is_held(lock: Path, locked: Mapping[FileId, list[int]]) -> bool:
    try:
        return file_id(os.lstat(lock)) in locked
    except OSError:
        return False
