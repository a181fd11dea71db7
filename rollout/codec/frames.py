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
# Blocks of a few bytes need not cost a call each.
_AHEAD = 512
MOST_WALKED = 1 << 20
"""Blocks after which nobody goes on looking for a frame: real ones come to 128 GiB."""
_RLE, _RESERVED = 1, 3


def frame_damage(fd: int, size: int) -> str | None:
    """Describe the first fault in the structure of the frames in ``fd``.

    :param size: of the file.
    :returns: None when the file is one or more complete frames, and nothing else.
    """
    if size == 0:
        return "the file is empty"
    offset = 0
    while offset < size:
        end = frame_end(fd, offset, size)
        if isinstance(end, str):
            return end
        offset = end
    return None if offset == size else "the last frame is cut short"


def frame_end(fd: int, offset: int, size: int, walked: set[int] | None = None) -> int | str:
    """Return the offset behind the frame at ``offset``, or what is wrong with it.

    The end of a frame that was cut short can lie behind the end of the file.

    :param size: of the file.
    :param walked: offsets of blocks that earlier walks led to, all in vain; added to.
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
    end = _blocks_end(fd, blocks, size, walked)
    return end + 4 if isinstance(end, int) and has_checksum else end


def _blocks_end(fd: int, offset: int, size: int, walked: set[int] | None) -> int | str:
    last, window, base = False, b"", offset
    while not last:
        if offset + 3 > size:
            return "the last frame is cut short"
        if offset + 3 > base + len(window):
            window, base = os.pread(fd, _AHEAD, offset), offset
        head = window[offset - base : offset - base + 3]
        if len(head) < 3:
            return "the last frame is cut short"
        if walked is not None:
            if offset in walked or len(walked) >= MOST_WALKED:
                return "no whole frame begins there"
            walked.add(offset)
        word = int.from_bytes(head, "little")
        last, kind, length = bool(word & 1), word >> 1 & 3, word >> 3
        if kind == _RESERVED:
            return f"the block at byte {offset} is of no known kind"
        offset += 3 + (1 if kind == _RLE else length)
    return offset
