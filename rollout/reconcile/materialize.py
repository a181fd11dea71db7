"""Give a rollout its plain form again, under its thread's writer lease.

**Invariant.** The compressed form is removed only once the plain file is proven complete, and
both the file and its name are durable. A crash before that leaves the compressed form alone. A
crash between leaves both, equal. A temporary file is swept.
"""

from __future__ import annotations

import os
import secrets

from ...kernel.errors import InternalError, OperatorError
from ...kernel.files.atomic import write_all
from ...kernel.files.flock import try_lock
from ..codec.decode import decode_chunks
from ..locks.thread import ThreadLease
from ..operations.attributes import copy_attributes
from ..operations.file_ops import FileOps
from ..operations.handle import StoreHandle
from ..reading.snapshot import NoSuchRolloutError, open_regular
from ..store.rollout_ref import RolloutRef
from .decide import Forms, Relation
from .inspect import (
    PAIR_REST,
    Fingerprint,
    fingerprint,
    forms_of,
    idle_seconds,
    inspect,
    is_durable,
)

MATERIALIZE_PREFIX = "rollout-materialize-codexlab-"
_ATTEMPTS = 8


class DisagreementError(OperatorError):
    """Both forms exist and neither holds all of the other."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(
            f"{path} and its .zst disagree; every byte was kept,"
            " see `codexlab rollout verify --repair`"
        )


def restore(store: StoreHandle, rollout: RolloutRef) -> bool:
    """Make the plain form the only one, as the thread's writer for that moment.

    For a codex that reads no frames (0.135 and earlier): call it, then start codex.

    :returns: False when it was so already.
    :raises ThreadBusyError: somebody else writes the thread.
    :raises CodexlabError: as :func:`materialize`.
    """
    with store.locks.lease(rollout.thread_id) as lease:
        return materialize(store, rollout, lease)


def materialize(
    store: StoreHandle,
    rollout: RolloutRef,
    lease: ThreadLease,
    *,
    rest: float = PAIR_REST,
) -> bool:
    """Make the plain form the form that counts, and as a rule the only one.

    :param lease: the writer lease of the rollout's thread, held by the caller.
    :param rest: seconds. A frame stays beside a plain file that holds all of it when
        either is younger than this; a sweep takes the frame away later. A codex of a home
        that is not linked to this one may be about to unlink the plain file.
    :returns: False when there was nothing to do.
    :raises NoSuchRolloutError: neither form exists.
    :raises DisagreementError: both exist and the plain one does not hold all.
    :raises DamagedFrameError: the compressed form does not decode; it is untouched.
    :raises NotARolloutFileError: a directory, a fifo or the like has its name.
    :raises OSError: the disk is full, a permission is missing.
    """
    if lease.thread != rollout.thread_id:
        raise InternalError("a rollout was to be materialized under another thread's lease")
    changed = False
    for _ in range(_ATTEMPTS):
        match forms_of(rollout):
            case Forms.NONE:
                raise NoSuchRolloutError(rollout.path)
            case Forms.PLAIN:
                return changed
            case Forms.BOTH:
                if not _drop_compressed(store, rollout, rest):
                    return changed
            case Forms.COMPRESSED:
                _decode_beside(store, rollout)
        changed = True
    raise DisagreementError(rollout.path)


def _drop_compressed(store: StoreHandle, rollout: RolloutRef, rest: float) -> bool:
    """Unlink a frame of which the plain form holds all; False leaves it for a sweep."""
    seen = inspect(rollout.path, rollout.compressed_path, 0, store.ops)
    if seen is None:
        return True
    if seen.relation not in {Relation.SAME, Relation.BEYOND}:
        raise DisagreementError(rollout.path)
    if idle_seconds(rollout) < rest:
        return False
    if is_durable(rollout.path, seen.file, store.ops):
        with store.ops.store(store.change_lock):
            _drop_frame_if_same(rollout, seen.file, seen.other, store.ops)
    return True


def _drop_frame_if_same(
    rollout: RolloutRef, plain: Fingerprint | None, compressed: Fingerprint | None, ops: FileOps
) -> None:
    """Unlink the compressed form while the names lead to the files that were compared."""
    now = fingerprint(rollout.path)
    if now is None or plain is None or now[:2] != plain[:2]:
        return
    if compressed is not None and fingerprint(rollout.compressed_path) == compressed:
        ops.withdraw(rollout.compressed_path)


def _decode_beside(store: StoreHandle, rollout: RolloutRef) -> None:
    try:
        source = open_regular(rollout.compressed_path)
    except FileNotFoundError:
        return
    temporary = os.path.join(rollout.directory, f"{MATERIALIZE_PREFIX}{secrets.token_hex(4)}.tmp")
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        target = os.open(temporary, flags, 0o600)
        try:
            try_lock(target)
            _decode_into(source, target, rollout.compressed_path, store.ops)
            with store.ops.store(store.change_lock):
                _install(rollout, temporary, fingerprint(target), fingerprint(source), store.ops)
        finally:
            store.ops.discard(temporary)
            os.close(target)
    finally:
        os.close(source)


def _decode_into(source: int, target: int, path: str, ops: FileOps) -> None:
    for chunk in decode_chunks(source, path):
        write_all(target, chunk)
    copy_attributes(source, os.fstat(source), target, os.fstat(target))
    ops.sync_file(target)
    # Only now: a temporary file with an old mtime is swept away by codex.
    ops.set_times(target, os.fstat(source))


def _install(
    rollout: RolloutRef,
    temporary: str,
    plain: Fingerprint | None,
    compressed: Fingerprint | None,
    ops: FileOps,
) -> None:
    if fingerprint(rollout.compressed_path) != compressed:
        return  # its owner deleted it while we decoded: it must not come back
    try:
        ops.name_plain(temporary, rollout.path)
    except (FileExistsError, FileNotFoundError):
        return  # a plain form came, or ours was swept away: look again
    ops.sync_directory(rollout.directory)
    _drop_frame_if_same(rollout, plain, compressed, ops)
