"""Walk the structure of zstd frames without decoding them (RFC 8878, section 3.1).

zstd's stream reader takes a frame that was cut short for the end of the data. The
walk touches a few bytes of each block of up to 128 KiB and sees where frames end.
"""

from __future__ import annotations

import os

import zstandard

_MAGIC = 0xFD2FB528
FRAME_MAGIC = _MAGIC.to_bytes(4, "little")
_SKIPPABLE = 0x184D2A50
_MAX_HEADER = 18
_RLE, _RESERVED = 1, 3


def frame_damage(fd: int) -> str | None:
    """Say what is wrong with the structure of the frames in ``fd``.

    :returns: None when the file is one or more complete frames, and nothing else.
    """
    size = os.fstat(fd).st_size
    if size == 0:
        return "the file is empty"
    offset = 0
    while offset < size:
        end = frame_end(fd, offset)
        if isinstance(end, str):
            return end
        offset = end
    return None if offset == size else "the last frame is cut short"


def frame_end(fd: int, offset: int) -> int | str:
    """Return the offset behind the frame at ``offset``, or what is wrong with it.

    The end of a frame that was cut short can lie behind the end of the file.
    """
    header = os.pread(fd, _MAX_HEADER, offset)
    magic = int.from_bytes(header[:4], "little")
    if magic & 0xFFFFFFF0 == _SKIPPABLE:
        return offset + 8 + int.from_bytes(header[4:8], "little")
    if magic != _MAGIC:
        return f"no zstd frame begins at byte {offset}"
    try:
        has_checksum = zstandard.get_frame_parameters(header).has_checksum
        blocks = offset + zstandard.frame_header_size(header)
    except zstandard.ZstdError as error:
        return f"the frame header at byte {offset} is damaged: {error}"
    end = _blocks_end(fd, blocks)
    return end + 4 if isinstance(end, int) and has_checksum else end


def _blocks_end(fd: int, offset: int) -> int | str:
    last = False
    while not last:
        head = os.pread(fd, 3, offset)
        if len(head) < 3:
            return "the last frame is cut short"
        word = int.from_bytes(head, "little")
        last, kind, length = bool(word & 1), word >> 1 & 3, word >> 3
        if kind == _RESERVED:
            return f"the block at byte {offset} is of no known kind"
        offset += 3 + (1 if kind == _RLE else length)
    return offset
