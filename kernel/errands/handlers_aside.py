"""Handlers that end a command by an exception, put aside while that would lose a process.

From its fork until whoever waits for it can end it, a process would outlive the exception.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class HandlersAside:
    """The handlers of the signals that end a command; a signal meanwhile is only noted.

    Another thread than the main one has none to put aside.
    """

    def __init__(self) -> None:
        self._noted: list[int] = []
        self._aside: dict[int, Callable[[int, FrameType | None], object]] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for signum in _ENDING:
            found = signal.getsignal(signum)
            if found is None or isinstance(found, int):
                continue  # nobody's in Python: it ends us at once, or never
            self._aside[signum] = found
            signal.signal(signum, self._note)

    def put_back(self) -> None:
        """Put them back, and call that of a signal that came meanwhile. Idempotent.

        Whatever a handler raises.
        """
        while self._aside:
            signum, handler = self._aside.popitem()
            signal.signal(signum, handler)
        while self._noted:
            signal.raise_signal(self._noted.pop())

    def _note(self, signum: int, _: FrameType | None) -> None:
        self._noted.append(signum)
