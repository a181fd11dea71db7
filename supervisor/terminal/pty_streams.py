"""A terminal for the agent, joined to the caller's: bytes both ways, and its size."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import anyio

from ...agents.adapter import StreamNews
from ...agents.registry import adapter_of
from ...kernel.process.descriptors import is_ready
from ...kernel.process.terminal import copy_size, is_foreground, show
from ..errors import GuardianLost
from ..output.relay import CHUNK, Relay
from ..output.sink import Output, reopen_nonblocking
from ..output.streams import Logs
from .modes import TerminalModes
from .user_terminal import INPUT, OUTPUT, UserTerminal

_ENTER = b"\r"


class TerminalStreams:
    """One terminal that is the agent's stdin, stdout and stderr.

    We keep its far end open until no process of the run is left. Only then end of file means that
    everything was read. Otherwise the agent may have closed it for a while.

    :param hear: takes what the agent's screen tells.
    :param entered: called when the person has sent a line.
    """

    remark = None

    def __init__(
        self,
        terminal: UserTerminal,
        agent: str,
        logs: Logs,
        hear: Callable[[StreamNews], None],
        entered: Callable[[], None],
    ) -> None:
        read = adapter_of(agent).read_screen_line
        self._terminal = terminal
        self._entered = entered
        terminal.join_job()
        terminal.enter()
        self._ours, far_end = terminal.open_pair()
        self._far_ends = [far_end]
        self._input = _open_input()
        (log,) = logs.files
        self._modes = TerminalModes()
        self._relay = Relay(
            self._ours,
            _Followed(OUTPUT, self._modes, terminal.note_modes),
            log,
            lambda line: hear(read(line)),
        )

    def last_output(self) -> float:
        """Return when the agent last wrote anything, on the event loop's clock."""
        return self._relay.last_output

    @property
    def agent_ends(self) -> tuple[int, ...]:
        """Return the descriptors that become the agent's 0, 1 and 2."""
        return tuple(self._far_ends * 3)

    def note_spawned(self) -> None:
        """Keep the far end: the agent may close its own and open the terminal anew."""

    def note_empty(self) -> None:
        """Give the far end up: nobody is left who could write, so what was written is all."""
        while self._far_ends:
            os.close(self._far_ends.pop())

    async def deliver(self, hurry: anyio.CancelScope) -> None:
        """Relay both ways until the output has ended, or ``hurry`` is cancelled."""
        with hurry:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._pass_input)
                tasks.start_soon(self._follow_size)
                await self._relay.run()
                tasks.cancel_scope.cancel()

    async def _pass_input(self) -> None:
        while data := await self._read_input():
            await self._type(data)
            if _ENTER in data:
                self._entered()
        with suppress(GuardianLost):
            self._terminal.hang_up()

    async def _read_input(self) -> bytes:
        """Return what was typed; nothing when the terminal is gone."""
        while True:
            await anyio.wait_readable(self._input)
            try:
                return os.read(self._input, CHUNK)
            except BlockingIOError:
                continue
            except OSError:
                # Refused in the background too, and by now we may have the foreground again.
                # Asked for no event, the kernel tells a hang-up alone.
                if is_ready(self._input, events=0):
                    return b""
                if not is_foreground(INPUT):
                    await self._terminal.continued.wait()

    async def _type(self, data: bytes) -> None:
        """Write to the agent's terminal, waiting as long as the agent reads nothing."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._ours, view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._ours)
            except OSError:
                return  # nobody is left to read it

    async def _follow_size(self) -> None:
        with anyio.open_signal_receiver(signal.SIGWINCH, signal.SIGCONT) as changes:
            self._take_size()
            async for _ in changes:
                self._take_size()

    def _take_size(self) -> None:
        # Gone: whoever reads it finds out.
        with suppress(OSError):
            copy_size(INPUT, self._ours)

    def close(self) -> None:
        """Give up every descriptor, and the terminal."""
        self.note_empty()
        self._relay.close()
        os.close(self._input)
        # A killed agent has put nothing back; one that did is followed by no byte of ours.
        show(OUTPUT, self._modes.undo())
        self._terminal.note_modes(b"")
        self._terminal.quit_job()


class _Followed(Output):
    """The terminal as an output, with an eye on what is switched on there.

    :param note: takes what switches it off again, before it is switched on.
    """

    def __init__(self, fd: int, modes: TerminalModes, note: Callable[[bytes], None]) -> None:
        super().__init__(fd)
        self._modes = modes
        self._note = note
        self._noted = b""

    async def write(self, data: bytes) -> None:
        """Write every byte; what is begun counts as written."""
        self._modes.feed(data)
        if (undoing := self._modes.undo()) != self._noted:
            self._note(undoing)
            self._noted = undoing
        await super().write(data)


def _open_input() -> int:
    """Return a descriptor of ours to read from; another user's terminal cannot be opened anew."""
    opened = reopen_nonblocking(INPUT, os.O_RDONLY)
    return os.dup(INPUT) if opened is None else opened
