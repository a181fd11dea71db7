"""The plain bytes of a snapshot, from either form, past every damaged frame.

Memory is bounded by the window of the frame (at most 2^27) and one chunk, however
large the rollout is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import IO

from ..kernel import frozen
from ._names import RolloutForm
from ._snapshot import RolloutSnapshot

CHUNK = 1 << 20
_SPOOL = 16 << 20


@frozen
class FrameDamage:
    """A hole in the plain bytes: part of a compressed file that does not decode.

    :param offset: where in the compressed file the damaged frame begins.
    :param reason: what is wrong, in zstd's words or ours.
    """

    offset: int
    reason: str


def plain_chunks(snapshot: RolloutSnapshot, chunk: int = CHUNK) -> Iterator[bytes | FrameDamage]:
    """Yield the snapshot's plain bytes in order, and a `FrameDamage` for each hole.

    :param chunk: most bytes of one piece; a small compressed rollout is one piece of
        up to 4 MiB.

    After damage the next frame that can be found goes on; a writer that appends
    frames begins each at a line.
    """
    if snapshot.form is RolloutForm.PLAIN:
        return _file_chunks(snapshot, chunk)
    from ._decoded_bytes import decoded_chunks  # zstandard: only where it is needed

    return decoded_chunks(snapshot, chunk)


def _file_chunks(snapshot: RolloutSnapshot, chunk: int) -> Iterator[bytes]:
    offset = 0
    while offset < snapshot.size:
        data = os.pread(snapshot.fd, min(chunk, snapshot.size - offset), offset)
        if not data:
            return
        yield data
        offset += len(data)


@frozen
class SeekableBytes:
    """The plain bytes of a snapshot, readable at any offset.

    :param size: how many there are.
    :param holes: ``(offset, damage)``: what could not be decoded was before ``offset``.
    :param read_at: read at most that many bytes at that offset.
    """

    size: int
    holes: list[tuple[int, FrameDamage]]
    read_at: Callable[[int, int], bytes]


def open_seekable(snapshot: RolloutSnapshot, spool: IO[bytes]) -> SeekableBytes:
    """Make a snapshot seekable; a compressed one is decoded into ``spool`` first."""
    if snapshot.form is RolloutForm.PLAIN:
        return SeekableBytes(
            snapshot.size, [], lambda offset, size: os.pread(snapshot.fd, size, offset)
        )
    holes: list[tuple[int, FrameDamage]] = []
    for piece in plain_chunks(snapshot):
        if isinstance(piece, FrameDamage):
            holes.append((spool.tell(), piece))
        else:
            spool.write(piece)

    def read_at(offset: int, size: int) -> bytes:
        spool.seek(offset)
        return spool.read(size)

    return SeekableBytes(spool.tell(), holes, read_at)


def new_spool() -> IO[bytes]:
    """Return an anonymous temporary file that stays in memory up to 16 MiB."""
    import tempfile

    return tempfile.SpooledTemporaryFile(max_size=_SPOOL)
