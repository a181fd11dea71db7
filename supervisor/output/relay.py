"""Pass one output stream of the agent on, byte for byte, and keep a copy."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import anyio

from .log import LogFile
from .sink import Output, enlarge_pipe

CHUNK = 256 * 1024
_LONGEST_LINE = 1024 * 1024

TakeLine = Callable[[bytes], None]


def open_pipe() -> tuple[int, int]:
    """Return a pipe for one output stream: our end non-blocking, the agent's end plain."""
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    enlarge_pipe(read)
    return read, write


class Relay:
    """One stream: from the agent's pipe to the caller, the log and whoever reads its lines.

    :param read_line: called with each complete line, without its end; None: nobody.
    """

    def __init__(
        self, source: int, output: Output | None, log: LogFile, read_line: TakeLine | None
    ) -> None:
        self._source = source
        self._output = output
        self._log = log
        self._lines = None if read_line is None else LineSplitter(read_line)
        self.bytes = 0
        self.last_output = anyio.current_time()

    async def run(self) -> None:
        """Relay until every writer has closed the stream.

        The copy comes first: what the caller may never take is in the log.
        """
        while data := await self._read():
            self.bytes += len(data)
            self.last_output = anyio.current_time()
            self._log.write(data)
            if self._lines is not None:
                self._lines.feed(data)
            if self._output is not None:
                await self._output.write(data)

    async def _read(self) -> bytes:
        while True:
            try:
                return os.read(self._source, CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self._source)
            except OSError as error:
                # A terminal reports its end of file by EIO, once everybody has closed it (pty(7)).
                if error.errno == errno.EIO:
                    return b""
                raise

    def close(self) -> None:
        """Read what is left as a last line, and give up our descriptors."""
        if self._lines is not None:
            self._lines.finish()
        if self._output is not None:
            self._output.close()
        os.close(self._source)


class LineSplitter:
    """Cut a stream into lines; one longer than 1 MiB is passed over."""

    def __init__(self, read_line: TakeLine) -> None:
        self._read_line = read_line
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._skipping:
                self._read_line(line.rstrip(b"\r"))
            self._skipping = False
        if len(self._rest) > _LONGEST_LINE:
            self._rest, self._skipping = b"", True

    def finish(self) -> None:
        """Take what is left as a last line: a killed agent ends without one."""
        if self._rest and not self._skipping:
            self._read_line(self._rest)
        self._rest = b""
