"""The agent's stdin, stdout and stderr, and the copies we keep."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio

from ...agents import adapter as adapters
from ...agents.adapter import Adapter, StreamNews
from ...agents.recognition import own_words
from ...agents.registry import adapter_of
from ...env.secrets.mask import Masker
from ..callbacks import Outputs
from ..plan import Plan
from .log import LogFile
from .order import INDEX_NAME, OutputIndex
from .relay import Relay, TakeLine, open_pipe
from .sink import Output
from .stdin import open_stdin

# Told apart from a slow reader only by time: after a run that *we* ended, nobody waits longer.
DELIVERY_LIMIT = 5.0


class Logs:
    """The copies of a run's output, one for each stream, over all its attempts.

    ``paths``: where each lies, by the name of its stream.

    :param base: the workspaces root, below which no link is followed.
    :param terminal: stdout and stderr are one stream, what the agent's terminal shows.
    """

    def __init__(
        self,
        directory: Path,
        secrets: tuple[bytes, ...],
        max_bytes: int,
        base: Path,
        *,
        terminal: bool,
    ) -> None:
        if terminal:
            secrets = (*secrets, *_as_shown(secrets))
        top, names = os.fspath(base), ("terminal",) if terminal else ("stdout", "stderr")
        self.paths = {name: os.fspath(directory / f"{name}.log") for name in names}
        self.files: list[LogFile] = []
        self._index = OutputIndex(os.fspath(directory / INDEX_NAME), max_bytes, top)
        try:
            for number, path in enumerate(self.paths.values()):
                place = self._index.place(number)
                self.files.append(LogFile(path, Masker(secrets), max_bytes, top, place))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Write what the masks still hold back, and close. Idempotent."""
        for log in self.files:
            log.close()
        self._index.close()

    def tail(self) -> bytes:
        """Return the end of each closed log, one after the other; masked."""
        return b"\n".join(log.tail for log in self.files)

    def errors(self) -> bytes:
        """Return the end of the closed log of stderr, masked; nothing of a terminal's screen."""
        return b"" if len(self.files) < 2 else self.files[1].tail

    def faults(self) -> list[str]:
        """Return what went wrong, one line each."""
        faults = [*(log.fault for log in self.files), self._index.fault]
        return [f"log given up: {fault}" for fault in faults if fault]


def _as_shown(secrets: tuple[bytes, ...]) -> Iterator[bytes]:
    """Yield what a terminal makes of secrets of several lines (termios(3), ONLCR)."""
    return (secret.replace(b"\n", b"\r\n") for secret in secrets if b"\n" in secret)


class Streams:
    """Three descriptors for the agent, and the relays behind two of them.

    :param outputs: where its output is passed on to.
    :param hear: takes what the agent's own stream tells.
    """

    def __init__(
        self,
        plan: Plan,
        argv: tuple[str, ...],
        logs: Logs,
        outputs: Outputs,
        hear: Callable[[StreamNews], None],
    ) -> None:
        words, agent = own_words(argv), adapter_of(plan.agent)
        stdin, self.remark = open_stdin(plan.request.stdin, words, agent)
        self._agent_ends = [stdin]
        self.relays: list[Relay] = []
        readers = _line_readers(agent, words, hear)
        try:
            for fd, log, reader in zip(outputs, logs.files, readers, strict=True):
                self._open_relay(fd, log, reader)
        except BaseException:
            self.close()
            raise

    def _open_relay(self, fd: int | None, log: LogFile, reader: TakeLine | None) -> None:
        read, write = open_pipe()
        self._agent_ends.append(write)
        try:
            output = None if fd is None else Output(fd)
        except BaseException:
            os.close(read)
            raise
        self.relays.append(Relay(read, output, log, reader))

    def last_output(self) -> float:
        """Return when the agent last wrote anything, on the event loop's clock."""
        return max(relay.last_output for relay in self.relays)

    @property
    def agent_ends(self) -> tuple[int, ...]:
        """Return the descriptors that become the agent's 0, 1 and 2."""
        return tuple(self._agent_ends)

    def note_spawned(self) -> None:
        """Give up our duplicates, so that end of file means every writer is gone."""
        while self._agent_ends:
            os.close(self._agent_ends.pop())

    def note_empty(self) -> None:
        """Do nothing: whoever could write held the other end, and is gone."""

    async def deliver(self, hurry: anyio.CancelScope) -> None:
        """Relay until both streams have ended, or ``hurry`` is cancelled."""
        with hurry:
            async with anyio.create_task_group() as tasks:
                for relay in self.relays:
                    tasks.start_soon(relay.run)

    def close(self) -> None:
        """Give up every descriptor."""
        self.note_spawned()
        for relay in self.relays:
            relay.close()


def _line_readers(
    agent: Adapter, words: tuple[str, ...], hear: Callable[[StreamNews], None]
) -> tuple[TakeLine | None, TakeLine | None]:
    readers = agent.readers(words)
    return _passing_on(readers.stdout, hear), _passing_on(readers.stderr, hear)


def _passing_on(
    read: adapters.LineReader | None, hear: Callable[[StreamNews], None]
) -> TakeLine | None:
    return None if read is None else lambda line: hear(read(line))
