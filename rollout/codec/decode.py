"""Decode a compressed rollout in bounded memory, and notice every kind of damage.

Concatenated and skippable frames are accepted, with and without checksum or size,
with windows up to 2^27: the most codex and zstd's own default accept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import zstandard

from ...kernel.errors import OperatorError
from .frames import frame_damage
from .measure import Allowance, first_hole, is_hollow, say_hollow

MAX_WINDOW = 1 << 27
_CHUNK = 1 << 20


class DamagedFrameError(OperatorError):
    """A compressed rollout does not decode.

    :param path: the compressed file.
    :param offset: how many plain bytes came out before.
    :param reason: what is wrong, in zstd's words or ours.
    """

    def __init__(self, path: str, offset: int, reason: str) -> None:
        self.path, self.offset, self.reason = path, offset, reason
        super().__init__(
            f"{path} is damaged after {offset} plain bytes: {reason};"
            " nothing was changed, see `codexlab rollout verify`"
        )


class BeyondMeasureError(OperatorError):
    """A rollout holds more than codex writes, or holes; it may be whole all the same.

    :param path: the file.
    :param reason: what is not codex's.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}; nothing was changed")


def decode_chunks(fd: int, path: str) -> Iterator[bytes]:
    """Yield the plain bytes of all frames in ``fd``, 1 MiB at a time.

    :param path: for the error's sake.
    :raises DamagedFrameError: a frame is cut short, corrupt, or no frame at all.
        What was yielded before is what the undamaged part says.
    :raises BeyondMeasureError: it holds far more than codex writes into a file of its size.
    """
    size = os.fstat(fd).st_size
    if is_hollow(fd, size):
        raise BeyondMeasureError(path, say_hollow(size, first_hole(fd, size)))
    allowance, produced = Allowance(fd, size), 0
    try:
        for chunk in _chunks(fd):
            produced += len(chunk)
            if excess := allowance.excess(chunk):
                raise BeyondMeasureError(path, excess)
            yield chunk
    except zstandard.ZstdError as error:
        raise DamagedFrameError(path, produced, str(error)) from error
    damage = frame_damage(fd, size)
    if damage is not None:
        raise DamagedFrameError(path, produced, damage)


def has_checksum(fd: int) -> bool:
    """Tell whether the first frame carries a checksum of its content."""
    return bool(zstandard.get_frame_parameters(os.pread(fd, 18, 0)).has_checksum)


def _chunks(fd: int) -> Iterator[bytes]:
    decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    os.lseek(fd, 0, os.SEEK_SET)
    with (
        open(fd, "rb", buffering=0, closefd=False) as file,
        decoder.stream_reader(file, read_across_frames=True, closefd=False) as reader,
    ):
        while chunk := reader.read(_CHUNK):
            yield chunk
