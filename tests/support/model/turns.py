"""The turns a scripted model can take, as small callables that compose.

A *turn* answers one request. A *script* chooses the turn: a sequence is taken
in order, a callable looks at the request, and :func:`by_prompt` gives each
conversation a sequence of its own, so that several agents share one server.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from .codex_responses import ModelRequest

HOLD_LIMIT = 60.0
"""Seconds after which a held turn goes on although nobody opened its gate."""


class Gate:
    """A door at which a held turn waits until the test opens it.

    Open for good: every turn that comes later passes at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened = False
        self._waiters: list[Callable[[], None]] = []
        self._reached = threading.Event()

    def open(self) -> None:
        """Let every turn pass that waits here or comes later."""
        with self._lock:
            self._opened = True
            waiters, self._waiters = self._waiters, []
        for wake in waiters:
            wake()

    def is_reached(self, timeout: float) -> bool:
        """Tell whether a turn has come to the gate, after ``timeout`` seconds at the latest."""
        return self._reached.wait(timeout)

    def wait_reached(self, timeout: float = 30.0) -> None:
        """Wait until a turn has come to the gate.

        :raises TimeoutError: none came within ``timeout`` seconds.
        """
        if not self.is_reached(timeout):
            message = f"no turn reached the gate within {timeout} s"
            raise TimeoutError(message)

    def on_open(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` (from any thread) once the gate is open."""
        with self._lock:
            if not self._opened:
                self._waiters.append(wake)
        self._reached.set()
        if self._opened:
            wake()


class Exchange(Protocol):
    """One request and the means to answer it; the server implements it."""

    @property
    def request(self) -> ModelRequest:
        """The request to be answered."""
        ...

    @property
    def number(self) -> int:
        """Which request of this server it is, counted from 1."""
        ...

    async def begin(self) -> None:
        """Send the head of the stream and its opening event, once."""
        ...

    async def say(self, text: str) -> None:
        """Send ``text`` as a message, in pieces, and close the answer."""
        ...

    async def say_part(self, text: str) -> None:
        """Send one piece of a message that is not finished."""
        ...

    async def call(self, command: str | Sequence[str], wait_ms: int) -> None:
        """Ask for a command to be run, and close the answer.

        :raises ValueError: the agent offers no tool that runs commands.
        """
        ...

    async def refuse(self, status: int, text: str, code: str, headers: Mapping[str, str]) -> None:
        """Answer with an error instead of a stream."""
        ...

    async def wait(self, gate: Gate | None, limit: float) -> None:
        """Wait for the gate, at most ``limit`` seconds, or until the client is gone."""
        ...

    def drop(self) -> None:
        """Cut the connection without a word."""
        ...


Turn = Callable[[Exchange], Awaitable[None]]
Choose = Callable[[ModelRequest], Turn]
Script = Sequence[Turn] | Choose


def say(text: str) -> Turn:
    """Answer with a message, streamed in pieces; it may be many megabytes long."""

    async def turn(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.say(text)

    return turn


def run_command(command: str | Sequence[str], *, wait_ms: int = 20_000) -> Turn:
    """Make the agent run a command, through whichever tool it offers.

    :param command: a shell line or an argument vector.
    :param wait_ms: how long the agent waits before it reports a command still running.
    """

    async def turn(exchange: Exchange) -> None:
        await exchange.call(command, wait_ms)

    return turn


def write_file(path: str, text: str) -> Turn:
    """Make the agent write ``text`` to ``path``, relative to its working directory."""
    return run_command(f"printf %s {shlex.quote(text)} > {shlex.quote(path)}")


def hold(gate: Gate, then: Turn, *, limit: float = HOLD_LIMIT) -> Turn:
    """Open the stream, wait for ``gate``, then go on; ends early if the agent goes away."""

    async def turn(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.wait(gate, limit)
        await then(exchange)

    return turn


def slow(seconds: float, then: Turn) -> Turn:
    """Open the stream, say nothing for ``seconds``, then go on."""

    async def turn(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.wait(None, seconds)
        await then(exchange)

    return turn


def fail(status: int, text: str = "scripted failure", *, code: str = "scripted") -> Turn:
    """Refuse the request with an HTTP status and an API error body."""

    async def turn(exchange: Exchange) -> None:
        await exchange.refuse(status, text, code, {})

    return turn


def rate_limited(retry_after: int = 1) -> Turn:
    """Refuse the request because of a rate limit that ends in ``retry_after`` seconds."""

    async def turn(exchange: Exchange) -> None:
        text = f"Rate limit reached. Please try again in {retry_after}s."
        headers = {"retry-after": str(retry_after)}
        await exchange.refuse(429, text, "rate_limit_exceeded", headers)

    return turn


def drop_connection(after_events: int = 1) -> Turn:
    """Cut the connection after ``after_events`` events; 0 cuts before the status line."""

    async def turn(exchange: Exchange) -> None:
        if after_events:
            await exchange.begin()
        for count in range(1, after_events):
            await exchange.say_part("" if count == 1 else f"piece {count} ")
        exchange.drop()

    return turn


def by_prompt(conversations: Mapping[str, Sequence[Turn]]) -> Choose:
    """Give each conversation its own sequence, chosen by a text its newest prompt holds.

    A sequence starts anew for every thread and every new prompt in it.

    :raises LookupError: (from the script) no key fits, or the sequence is used up.
    """
    progress: dict[tuple[str, int, str], int] = {}

    def choose(request: ModelRequest) -> Turn:
        key = next((key for key in conversations if key in request.prompt), None)
        if key is None:
            message = f"the script has no conversation for the prompt {request.prompt!r}"
            raise LookupError(message)
        place = (request.thread, len(request.prompts), key)
        step = progress[place] = progress.get(place, -1) + 1
        if step >= len(conversations[key]):
            message = f"the conversation {key!r} has no turn {step + 1}"
            raise LookupError(message)
        return conversations[key][step]

    return choose


def in_order(turns: Sequence[Turn]) -> Choose:
    """Take the turns one after the other, whoever asks.

    :raises LookupError: (from the script) the sequence is used up.
    """
    remaining = iter(turns)

    def choose(request: ModelRequest) -> Turn:
        turn = next(remaining, None)
        if turn is None:
            message = f"the script had {len(turns)} turns; one more was asked: {request.prompt!r}"
            raise LookupError(message)
        return turn

    return choose
