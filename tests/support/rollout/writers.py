"""Real processes that write to rollouts as codex and less careful programs do."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import zstandard

from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.recover import recover
from codexlab.rollout.reconcile.retired import SettleOptions
from codexlab.rollout.store.rollout_ref import RolloutRef

from ..commands import program

_PUPPET = program("puppet")

APPEND = os.O_WRONLY | os.O_APPEND
CREATE = APPEND | os.O_CREAT


class Puppet:
    """A process that opens, writes and closes when it is told to.

    A command may be sent without waiting for its answer: an open that the kernel
    holds back answers later.
    """

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", _PUPPET],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._child.pid

    def tell(self, *command: Any) -> None:
        """Send a command; its answer is read by :meth:`answer`."""
        assert self._child.stdin is not None
        self._child.stdin.write(
            json.dumps([os.fspath(x) if isinstance(x, Path) else x for x in command]) + "\n"
        )
        self._child.stdin.flush()

    def answer(self) -> None:
        """Wait for the oldest answer; an error there is an error here."""
        assert self._child.stdout is not None
        count, error = json.loads(self._child.stdout.readline())
        if count < 0:
            raise RuntimeError(error)

    def do(self, *command: Any) -> None:
        """Send a command and wait until it is done."""
        self.tell(*command)
        self.answer()

    def has_answered(self, within: float) -> bool:
        """Tell whether an answer comes within so many seconds; it is not read."""
        assert self._child.stdout is not None
        return bool(select.select([self._child.stdout], [], [], within)[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._child.communicate()


Hook = Callable[["Hooked"], None]


class Hooked(FileOps):
    """The system calls, with something happening just before or after one of them.

    :param hooks: by ``before_<call>`` or ``after_<call>``; each happens once.
    """

    def __init__(self, hooks: dict[str, Hook] | None = None) -> None:
        self._hooks = dict(hooks or {})
        self.seen: list[str] = []
        self.leased: list[int] = []

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name.startswith("_") or not callable(value):
            return value

        def hooked(*given: Any, **named: Any) -> Any:
            self.seen.append(name)
            if name == "take_read_lease":
                self.leased.append(given[0])
            self._happen(f"before_{name}")
            result = value(*given, **named)
            self._happen(f"after_{name}")
            return result

        return hooked

    def _happen(self, when: str) -> None:
        hook = self._hooks.pop(when, None)
        if hook is not None:
            hook(self)


def logical(rollout: RolloutRef) -> bytes:
    """Return what a reader sees now: the plain form, else the compressed one."""
    for _ in range(1000):
        try:
            return Path(rollout.path).read_bytes()
        except FileNotFoundError:
            pass
        try:
            frame = Path(rollout.compressed_path).read_bytes()
        except FileNotFoundError:
            continue
        return zstandard.ZstdDecompressor().decompressobj().decompress(frame)
    message = f"{rollout.path} is in neither form"
    raise AssertionError(message)


def come_to_rest(places: StoreHandle, rounds: int = 4) -> None:
    """Recover and settle, without grace, until nothing is left to do."""
    for _ in range(rounds):
        if not list(recover(places, SettleOptions(grace=0, rest=0))):
            return


def left_over(places: StoreHandle) -> list[str]:
    """Return every file of ours that a store at rest must not have."""
    names = os.listdir(places.kept) if os.path.isdir(places.kept) else []
    kept = [name for name in names if not name.endswith(".lock")]
    found = [str(path) for path in Path(places.sessions).rglob("*") if path.is_file()]
    return kept + [path for path in found if not path.endswith((".jsonl", ".jsonl.zst"))]
