"""One execution at a time: the claim on a workspace and on its directory.

Invariant: whoever holds ``lock`` of the directory that *now* lies at the
workspace's path is the only execution in it. A claimer that opened the file
before somebody moved the workspace away finds another inode at the path after
locking, and starts again. A free lock proves that no run *holds* the workspace,
not that nothing of the last run survives: ``previous`` says where to look.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...kernel.errors import OperatorError
from ...kernel.files.atomic import replace_file
from ...kernel.files.home_owner import is_ours
from ...kernel.values import replace
from ...kernel.xdg import state_directory
from ..errors import ForeignWorkspace, WorkspaceBusy, operator_errors
from ..fs import open_below, open_child, read_small, set_aside, sweep_temporaries
from ..lock_record import LockRecord, hold
from ..owner import DamagedRecord, OwnerRecord
from ..paths import CONTROL, WorkspaceKey, WorkspacePaths
from ..records.given_directories import forget_given, note_given
from ..records.provenance import Provenance, encode_provenance, parse_provenance
from ..records.witness import Witness, WitnessFile, read_witness, with_owner
from ..state_leftovers import sweep_beside_lock

_ATTEMPTS = 100


class Claim:
    """A held workspace. Not thread-safe; pass the descriptors on, not the object.

    :param paths: the workspace's places.
    :param key: its exact key.
    :param state_dir: our state directory, where locks on foreign directories live.
    :param notes: what was repaired on the way, one line each.

    ``witness`` is what our state directory knows of the workspace now. ``lasts`` are the runs
    that may have been the last: by the state directory first, then by the record here.
    """

    witness: Witness | None
    lasts: tuple[OwnerRecord, ...]

    def __init__(
        self,
        paths: WorkspacePaths,
        key: WorkspaceKey,
        state_dir: Path,
        notes: list[str],
        records: tuple[LockRecord, WitnessFile],
    ) -> None:
        """Read what our state directory knows."""
        self.paths, self.key, self.state_dir, self.notes = paths, key, state_dir, notes
        self._own, self._file = records
        self._places: dict[tuple[int, int], LockRecord] = {}
        self._owner: OwnerRecord | None = None
        self._open = True
        self.witness = self._file.read()
        self.lasts = _lasts(self.witness, self._own.previous)

    @property
    def lock_fd(self) -> int:
        """Return the descriptor of the workspace's lock."""
        return self._own.lock_fd

    @property
    def lock_fds(self) -> tuple[int, ...]:
        """Return every descriptor a guardian must hold too: workspace first, then directory."""
        return (self._own.lock_fd, *(held.lock_fd for held in self._places.values()))

    @property
    def control_fd(self) -> int:
        """Return the descriptor of the control directory."""
        return self._own.directory_fd

    @property
    def previous(self) -> OwnerRecord | None:
        """Return the record of the last run; without ``contained`` it may have survivors."""
        return self.lasts[0] if self.lasts else None

    def is_known(self, run_id: str) -> bool:
        """Tell whether our state directory names a run as the last one here."""
        return self.witness is not None and self.witness.owner.run_id == run_id

    @property
    def witness_path(self) -> Path:
        """Return where our state directory has its record of the workspace."""
        return self._file.path

    @property
    def holder(self) -> str:
        """Return who this claim is held for, in words; empty before that was written down."""
        return "" if self._owner is None else f"run {self._owner.run_id} (pid {self._owner.pid})"

    def write_owner(self, record: OwnerRecord) -> None:
        """Write who runs here now, for the workspace and for its directory.

        :raises OperatorError: the filesystem refuses.
        """
        self._owner = record
        with operator_errors(self.paths.owner):
            # First: killed in between, there is a run too many on record, and none too few.
            self.note(with_owner(self.witness, record))
            for held in (self._own, *self._places.values()):
                held.write(record)

    def note(self, witness: Witness) -> None:
        """Write into our state directory what is known of the workspace now.

        :raises OperatorError: the filesystem refuses.
        """
        if witness != self.witness:
            self._file.write(witness)
            self.witness = witness

    def note_workdir(self, path: Path, inode: tuple[int, int]) -> None:
        """Note where the run works that was written down."""
        if self.witness is not None:
            if self.witness.inode not in (None, inode):
                self._note_given()
            self.note(replace(self.witness, workdir=os.fspath(path), inode=inode))
            # At once: from the next moment on an agent writes there.
            self._note_given()

    def _note_given(self) -> None:
        """Note the directory that was given, which stays when the record of it goes."""
        known = self.witness
        if known is None or known.workdir is None or known.inode is None:
            return
        if os.path.realpath(known.workdir) != os.path.realpath(self.paths.workdir):
            user = "/".join(self.paths.names)
            note_given(self.state_dir, known.workdir, known.inode, user)

    def note_home(self, shared_home: Path) -> None:
        """Note the shared home that the workspace's own is healed from."""
        if self.witness is not None:
            self.note(replace(self.witness, home=os.fspath(shared_home)))

    def note_chosen(self, branch: str | None) -> None:
        """Note the agent's own branch that its workdir is being made on; None once it is."""
        if self.witness is not None:
            self.note(replace(self.witness, chosen=branch))

    def believed(self, stored: Provenance) -> Provenance:
        """Return a record of where the workdir comes from without a choice that we never noted."""
        if self.witness is None or stored.chosen in (None, self.witness.chosen):
            return stored
        self.notes.append(
            f"{self.paths.provenance}: names branch {stored.chosen} for the workdir; no launch"
            " recorded that, so it is ignored"
        )
        return replace(stored, chosen=None)

    def claim_directory(self, path: Path) -> OwnerRecord | None:
        """Extend the claim to a directory, named by its device and inode.

        :returns: the record that the last run *in that directory* left, of whichever issue.
        :raises WorkspaceBusy: another execution is in it.
        """
        status = os.stat(path)
        identity = (status.st_dev, status.st_ino)
        if identity not in self._places:
            name = f"{identity[0]:x}-{identity[1]:x}"
            where = self.state_dir / "workdirs"
            directory_fd = open_below(where, create=True)
            held = hold(directory_fd, f"{name}.lock", f"{name}.json", where, path, self.notes)
            self._places[identity] = held
            sweep_beside_lock(held.directory_fd, name, where)
            if self._owner is not None:
                held.write(self._owner)
        return self._places[identity].previous

    def forget_directories(self) -> None:
        """Delete the records on the directories that the claim was extended to."""
        for identity, held in self._places.items():
            forget_given(identity, held.directory_fd)
            held.forget()
        self._note_given()
        self._file.forget()
        self.witness = None

    def read_provenance(self) -> Provenance:
        """Return where workspace and workdir come from."""
        data = read_small(self.paths.provenance.name, self.control_fd, self.paths.provenance)
        return parse_provenance(data or b"")

    def write_provenance(self, record: Provenance) -> None:
        """Write it down: it is the journal of making the workdir.

        Not synchronised to disk. Filesystems log renames in order, so after a power cut no step
        is there whose announcement is not. To synchronise here would be to wait for every file
        of a large checkout to reach the disk.
        """
        name = self.paths.provenance.name
        with operator_errors(self.paths.provenance):
            replace_file(name, encode_provenance(record), dir_fd=self.control_fd, durable=False)

    def release(self) -> None:
        """Free the locks, for all duplicates in all processes, and close. Idempotent."""
        self._end(free=True)

    def close(self) -> None:
        """Close our descriptors only; a duplicate elsewhere keeps the locks. Idempotent."""
        self._end(free=False)

    def _end(self, *, free: bool) -> None:
        if not self._open:
            return
        self._open = False
        for held in (*self._places.values(), self._own):
            held.close(free=free)
        self._file.close()


def _lasts(witness: Witness | None, own: OwnerRecord | None) -> tuple[OwnerRecord, ...]:
    """Return the runs that may have left something; at least the last one, where one is known.

    Our state directory is believed when it says that a run was proven empty. The record in the
    workspace is believed only where our state directory knows of no such run.
    """
    known = None if witness is None else witness.owner
    if known is None or own is None or known.run_id == own.run_id:
        found = known or own
        return () if found is None else (found,)
    return (known, own) if not known.contained or not own.contained else (known,)


def claim_workspace(paths: WorkspacePaths, key: WorkspaceKey) -> Claim:
    """Claim a workspace, making its directories when they are missing.

    Only empty directories and files below ``.codexlab`` are made.

    :raises WorkspaceBusy: another execution holds it.
    :raises ForeignWorkspace: the directory is another key's, or holds things we never put there.
    :raises PathRefused: a link or file lies where a directory should be.
    """
    for _ in range(_ATTEMPTS):
        notes: list[str] = []
        state = state_directory()
        try:
            control_fd = _open_control(paths)
            held = hold(control_fd, "lock", "owner.json", paths.control, paths.root, notes)
        except FileNotFoundError:
            continue  # a removal took an empty parent away between two steps
        except WorkspaceBusy as error:
            raise WorkspaceBusy(paths.root, _holder(paths, state, error.holder)) from None
        claim = _claim_held(paths, key, state, notes, held)
        try:
            if _still_there(paths, held.lock_fd):
                sweep_temporaries(claim.control_fd)
                _verify(claim)
                return claim
        except BaseException:
            claim.release()
            raise
        claim.release()
    message = f"{paths.root}: moved away {_ATTEMPTS} times while being claimed; is a gc looping?"
    raise OperatorError(message)


def _claim_held(
    paths: WorkspacePaths, key: WorkspaceKey, state_dir: Path, notes: list[str], held: LockRecord
) -> Claim:
    """Return the claim of a lock that is held, with what our state directory knows; or let go."""
    try:
        file = WitnessFile(paths, state_dir)
        try:
            return Claim(paths, key, state_dir, notes, (held, file))
        except BaseException:
            file.close()
            raise
    except BaseException:
        held.close(free=True)
        raise


def _holder(paths: WorkspacePaths, state_dir: Path, told: OwnerRecord | None) -> OwnerRecord | None:
    """Return who holds a workspace, by our state directory where that knows."""
    known = read_witness(paths, state_dir)
    return told if known is None or known.owner.contained else known.owner


def _open_control(paths: WorkspacePaths) -> int:
    root_fd = open_below(paths.base, *paths.names, create=True)
    try:
        try:
            return open_child(CONTROL, root_fd, paths.control)
        except FileNotFoundError:
            names = os.listdir(root_fd)
        if names and CONTROL not in names:
            reason = (
                f"holds {sorted(names)[0]!r} but no {CONTROL}, so it is not a workspace of codexlab"
            )
            raise ForeignWorkspace(paths.root, reason)
        return open_child(CONTROL, root_fd, paths.control, create=True)
    finally:
        os.close(root_fd)


def _still_there(paths: WorkspacePaths, lock_fd: int) -> bool:
    ours = os.fstat(lock_fd)
    try:
        there = os.lstat(paths.lock)
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _verify(claim: Claim) -> None:
    owner = os.fstat(claim.control_fd).st_uid
    if not is_ours(owner):
        raise ForeignWorkspace(
            claim.paths.root, f"belongs to user id {owner}, not to {os.geteuid()}"
        )
    name = claim.paths.provenance.name
    data = read_small(name, claim.control_fd, claim.paths.provenance)
    if data is not None:
        try:
            found = parse_provenance(data).key
        except DamagedRecord:
            aside = set_aside(name, claim.control_fd)
            claim.notes.append(f"{claim.paths.provenance}: damaged, kept as {aside}, written anew")
        else:
            if found != claim.key:
                raise ForeignWorkspace(
                    claim.paths.root,
                    f"is the workspace of {found.project}/{found.issue}/{found.agent}",
                )
            return
    from .rebuild import rebuild_provenance  # here: rarely needed

    claim.write_provenance(rebuild_provenance(claim.paths, claim.key))
