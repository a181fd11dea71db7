"""The run's events: one line of JSON each."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable
from typing import Protocol

import anyio

from ...kernel.values import as_plain
from ..callbacks import Hear
from ..clock import now_text
from ..errors import PlaceUnusable
from .event_target import EventTarget
from .sink import reopen_nonblocking

VERSION = 1
HEARTBEAT_SECONDS = 15.0
LAST_LINE_SECONDS = 1.0


def open_events_target(target: str) -> int:
    """Open what ``--events`` names: a descriptor number, or a path to append to.

    :returns: a descriptor of ours, closed on exec.
    :raises PlaceUnusable: it is not open for writing, or cannot be opened.
    """
    try:
        if target.isdecimal():
            return _duplicate(int(target))
        if target.startswith("-"):
            # A slip: "-" for stdout, or a flag in the value's place.
            raise FileNotFoundError(
                errno.ENOENT, "neither a descriptor nor a path (./-name is a path)"
            )
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        return os.open(target, flags, 0o600)
    except (OSError, OverflowError) as error:
        raise PlaceUnusable(
            "--events",
            target,
            getattr(error, "strerror", None) or "unusable",
            "expected the number of an open descriptor or a writable path",
        ) from None


def _duplicate(fd: int) -> int:
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "is open for reading only")
    return reopen_nonblocking(fd) or os.dup(fd)


class Emitter(Protocol):
    """A taker of events."""

    def emit(self, event: str, **fields: object) -> None:
        """Take one event and its fields."""
        ...


class EventLog:
    """Writes events to the run's own file and to whoever asked for them.

    A reader that stalls or goes away never blocks the run. An event it would not take is dropped
    whole, counted in ``dropped``, and stays in the run's own file.

    :param mask: what every line goes through before any target gets it.
    :param hear: takes each event in this process, unmasked as it is.
    """

    def __init__(
        self,
        run_id: str,
        issue: str,
        mask: Callable[[str], str] = str,
        hear: Hear | None = None,
    ) -> None:
        self._mask = mask
        self._hear = hear
        self.run_id = run_id
        self._head = {
            "v": VERSION,
            "seq": 0,
            "ts": "",
            "mono": 0.0,
            "run_id": run_id,
            "issue": issue,
        }
        self._targets: list[EventTarget] = []
        self._early: list[bytes] = []
        self.attempt = 1
        self.dropped = 0

    def add_target(self, fd: int) -> None:
        """Write to this descriptor too, from now on, and what was emitted before."""
        target = EventTarget(fd)
        self._targets.append(target)
        for line in self._early:
            self._write(target, line)

    def mask_with(self, mask: Callable[[str], str]) -> None:
        """Put another mask in the place of the one before; more secrets are known by now."""
        self._mask = mask

    def begin_attempt(self) -> int:
        """Count one more attempt of the agent, and return its number."""
        self.attempt += 1
        return self.attempt

    def emit(self, event: str, **fields: object) -> None:
        """Write one event."""
        self._head["seq"] = int(str(self._head["seq"])) + 1
        self._head["ts"] = now_text()
        self._head["mono"] = round(time.monotonic(), 6)
        told: dict[str, object] = as_plain(fields)
        body = {**self._head, "attempt": self.attempt, "event": event, **told}
        if self._hear is not None:
            self._hear(body)
        text = self._mask(json.dumps(body, separators=(",", ":"), default=str))
        line = text.encode() + b"\n"
        if len(self._early) < 64:
            self._early.append(line)
        for target in self._targets:
            self._write(target, line)

    def _write(self, target: EventTarget, line: bytes) -> None:
        if not target.write(line):
            self.dropped += 1

    async def close(self) -> None:
        """Close every target; a reader in the middle of a line gets a second for the rest."""
        with anyio.move_on_after(LAST_LINE_SECONDS, shield=True):
            for target in self._targets:
                await target.finish()
        while self._targets:
            with contextlib.suppress(OSError):
                self._targets.pop().close()
