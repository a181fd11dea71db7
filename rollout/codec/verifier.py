"""Prove, while a frame is being written, that it decodes to what its source says."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING, cast

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 1 << 18


class _Written(io.RawIOBase):
    """Read a file that is still being written, waiting for its writer."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lengths: SimpleQueue[int | None] = SimpleQueue()
        self._offset = 0
        self._end: int | None = 0

    def advance(self, length: int | None) -> None:
        """Say that the file is longer by ``length`` bytes; None ends it."""
        self._lengths.put(length)

    def readable(self) -> bool:
        """Tell that reading is what this is for."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read what is there, or wait for more; 0 at the end."""
        while self._end is not None and self._offset >= self._end:
            length = self._lengths.get()
            self._end = None if length is None else self._end + length
        count = os.preadv(self._fd, [buffer], self._offset)
        self._offset += count
        return count


class Verifier:
    """Decode, on a second thread, what was written so far and compare it with the source."""

    def __init__(
        self, decoder: zstandard.ZstdDecompressor, source: int, target: int, size: int
    ) -> None:
        self._decoder, self._source, self._size = decoder, source, size
        self._written = _Written(target)
        self._same = False
        self._thread = threading.Thread(target=self._run, name="rollout-verify")
        self._thread.start()

    def advance(self, length: int) -> None:
        """Say that the target holds ``length`` bytes more."""
        self._written.advance(length)

    def finish(self) -> bool:
        """Wait for the end; tell whether all bytes, and no more, were the source's."""
        self._written.advance(None)
        self._thread.join()
        return self._same

    def _run(self) -> None:
        # What was not written when the encoder failed is simply missing here.
        with contextlib.suppress(zstandard.ZstdError, OSError):
            self._same = self._compare(
                self._decoder.stream_reader(cast("IO[bytes]", self._written))
            )

    def _compare(self, decoded: zstandard.ZstdDecompressionReader) -> bool:
        # bytearrays compare by memcmp; memoryviews do so element by element.
        ours, theirs = bytearray(_CHUNK), bytearray(_CHUNK)
        offset = 0
        while count := decoded.readinto(ours):  # pyright: ignore[reportUnknownMemberType]
            if os.preadv(self._source, [memoryview(theirs)[:count]], offset) != count:
                return False
            if (ours != theirs) if count == _CHUNK else (ours[:count] != theirs[:count]):
                return False
            offset += count
        return offset == self._size
