"""The plain bytes of a snapshot, from either form, past every damaged frame.

Memory is bounded by the window of the frame (at most 2^27) and one chunk, however
large the rollout is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..codec.frame_damage import FrameDamage
from ..codec.measure import is_hollow, say_hollow, written_parts
from ..store.names import RolloutForm
from .snapshot import RolloutSnapshot

CHUNK = 1 << 20
# Smaller ones are read as the zeros they are: a file system may make a hole of a block.
_LEAST_HOLE = 1 << 20


def plain_chunks(snapshot: RolloutSnapshot, chunk: int = CHUNK) -> Iterator[bytes | FrameDamage]:
    """Yield the snapshot's plain bytes in order, and a `FrameDamage` for each hole.

    :param chunk: most bytes of one piece; a small compressed rollout is one piece of
        up to 4 MiB.

    After damage the next frame that can be found goes on; a writer that appends
    frames begins each at a line.
    """
    if snapshot.form is RolloutForm.PLAIN:
        if is_hollow(snapshot.fd, snapshot.size):
            return _hollow_chunks(snapshot, chunk)
        return _file_chunks(snapshot.fd, 0, snapshot.size, chunk)
    from .decode_lenient import decoded_chunks  # zstandard: only where it is needed

    return decoded_chunks(snapshot, chunk)


def _hollow_chunks(snapshot: RolloutSnapshot, chunk: int) -> Iterator[bytes | FrameDamage]:
    """Yield the written parts of a file, and one damage for all of its holes."""
    end = 0
    is_said = False
    for start, stop in written_parts(snapshot.fd, snapshot.size):
        if start - end >= _LEAST_HOLE:
            # The bytes before and behind a hole are not one line.
            yield b"\n" if is_said else _holes(snapshot, end)
            is_said = True
        else:
            start = end
        yield from _file_chunks(snapshot.fd, start, stop, chunk)
        end = stop
    if not is_said:
        yield _holes(snapshot, end)


def _holes(snapshot: RolloutSnapshot, at: int) -> FrameDamage:
    return FrameDamage(at, say_hollow(snapshot.size, at), refused=True)


def _file_chunks(fd: int, offset: int, end: int, chunk: int) -> Iterator[bytes]:
    while offset < end:
        data = os.pread(fd, min(chunk, end - offset), offset)
        if not data:
            return
        yield data
        offset += len(data)
