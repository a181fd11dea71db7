"""Encode a plain rollout into one frame, and prove that it decodes to the same bytes.

The frame has a content checksum and its size. Its window is as large as the file, up
to 2^27 bytes, the most that a default decoder takes. The cause is pictures: a thread
repeats them tens of megabytes apart. A level 3 frame with the default window of 2 MiB
keeps each copy.

The frame is read back from its file and decoded. The result is compared byte for byte
with a second read of the source, so a bit that flipped in either buffer is seen.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator

import zstandard

from ...kernel.files.atomic import write_all
from ...kernel.libc import libc
from .verifier import Verifier

LEVEL = 3
MAX_WINDOW_LOG = 27
SMALL = 1 << 20

_CHUNK = 1 << 18
# Level 3 alone looks back 2 MiB; below that size long-distance matching only costs.
_LONG_DISTANCE_LOG = 21


class EncodingError(Exception):
    """The frame could not be made or does not say what the source says."""


# One at a time: encoder and decoder each hold a window of up to 128 MiB.
_large = threading.Lock()


class Encoder:
    """Encodes many rollouts, and keeps what a large one needed for the next.

    The kernel hands out some 230 MiB for each, page by page. For rollouts of 100 MB that is a
    fifth of all the CPU time.
    """

    def __init__(self) -> None:
        self._codecs: _Codecs | None = None

    def encode(self, source: int, target: int, size: int) -> None:
        """Write ``size`` bytes of ``source`` as one verified frame to ``target``.

        :param source: readable descriptor; read from its start by offset.
        :param target: readable and writable descriptor of an empty file.
        :param size: bytes to encode, as fstat said just before.
        :raises EncodingError: the source is shorter, or the frame decodes to something else.
        :raises OSError: reading or writing failed.
        """
        if size <= SMALL:
            _encode_small(source, target, size)
            return
        with _large:
            # Kept only when all went well: what failed half-way is not used again.
            codecs, self._codecs = self._codecs, None
            if codecs is None or codecs.log != window_log(size):
                del codecs
                codecs = _Codecs(window_log(size))
            _encode_large(codecs, source, target, size)
            self._codecs = codecs

    def give_back(self) -> None:
        """Free what is kept, unless a large one is being encoded just now."""
        if _large.acquire(blocking=False):
            self._codecs = None
            _large.release()


def window_log(size: int) -> int:
    """Return the smallest window that spans ``size`` bytes, at most 2^27."""
    return min(MAX_WINDOW_LOG, max(10, (size - 1).bit_length()))


def _encode_small(source: int, target: int, size: int) -> None:
    data = os.pread(source, size, 0)
    if len(data) != size:
        raise EncodingError("the file is shorter than it was")
    write_all(target, _small.compressor.compress(data))
    frame = os.pread(target, os.fstat(target).st_size, 0)
    if _small.decompressor.decompress(frame, max_output_size=size) != data:
        raise EncodingError("the frame decodes to something else")


_THREADED_LOG = 24
_JOB = 4 << 20
_WRITEBACK = 4 << 20
_SYNC_FILE_RANGE_WRITE = 2


class _Small(threading.local):
    """One compressor and one decompressor per thread: making them costs more than using."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor()


_small = _Small()


class _Codecs:
    """Compressor and decompressor for one size of window."""

    def __init__(self, log: int) -> None:
        self.log = log
        self.compressor = zstandard.ZstdCompressor(compression_params=_parameters(log))
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=1 << MAX_WINDOW_LOG)


def _encode_large(codecs: _Codecs, source: int, target: int, size: int) -> None:
    verifier = Verifier(codecs.decompressor, source, target, size)
    encoder = codecs.compressor.compressobj(size=size)
    try:
        writeback = _Writeback(target)
        for chunk in _read(source, size):
            written = _write(target, encoder.compress(chunk))
            verifier.advance(written)
            writeback.advance(written)
        verifier.advance(_write(target, encoder.flush()))
    except zstandard.ZstdError as error:
        raise EncodingError("the file is shorter than it was") from error
    finally:
        same = verifier.finish()
    if not same:
        raise EncodingError("the frame decodes to something else")


def _parameters(log: int) -> zstandard.ZstdCompressionParameters:
    """Return parameters for every size of which `window_log` is ``log``."""
    return zstandard.ZstdCompressionParameters.from_level(  # pyright: ignore[reportUnknownMemberType]
        LEVEL,
        source_size=1 << log,
        window_log=log,
        # One step above the level's own: 0.4 % less for command output, no slower.
        hash_log=min(18, log),
        enable_ldm=log > _LONG_DISTANCE_LOG,
        write_checksum=1,
        write_content_size=1,
        # Jobs smaller than zstd's own choice of four windows: that would hold 1 GiB.
        threads=2 if log > _THREADED_LOG else 0,
        job_size=_JOB if log > _THREADED_LOG else 0,
    )


def _read(source: int, size: int) -> Iterator[memoryview]:
    """Yield the first ``size`` bytes in pieces; each is overwritten by the next."""
    piece = memoryview(bytearray(_CHUNK))
    offset = 0
    while offset < size:
        count = os.preadv(source, [piece[: size - offset]], offset)
        if count == 0:
            return
        offset += count
        yield piece[:count]


def _write(target: int, data: bytes) -> int:
    write_all(target, data)
    return len(data)


class _Writeback:
    """Send what was written on its way to the disk, so that the fsync has less to wait for.

    A hint (sync_file_range(2)): where it is refused, the fsync does all.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._begun = self._end = 0
        self._call = libc().sync_file_range
        self._call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)

    def advance(self, length: int) -> None:
        """Say that the file is longer by ``length`` bytes."""
        self._end += length
        if self._end - self._begun >= _WRITEBACK:
            self._call(self._fd, self._begun, self._end - self._begun, _SYNC_FILE_RANGE_WRITE)
            self._begun = self._end
