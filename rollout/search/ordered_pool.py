"""Do jobs in forked processes, and hand on what each yields in the order of the jobs.

::

    parent  -- number of a job -->  worker
    parent  <-- parts, then b"" --          kept as bytes until the job's turn

**Invariants.** The kept bytes are bounded: once the bound is reached, a worker that is
ahead of its turn waits in its pipe. The worker whose turn has come is always heard, so
nobody waits for ever. No worker outlives the parent, however that ends.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from ...kernel.libc import set_parent_death_signal

_KEPT_BYTES = 16 << 20
_END = b""

_Part = TypeVar("_Part")


class WorkerLost(Exception):
    """A worker ended before its job did: somebody, perhaps the kernel, killed it."""


def in_order(work: Callable[[int], Iterator[_Part]], jobs: int, processes: int) -> Iterator[_Part]:
    """Yield what ``work`` yields for each number below ``jobs``, as if called one by one.

    This process is forked, so it must not have other threads.

    :param work: runs in a worker. What it raises is raised here, in the job's turn.
    :raises WorkerLost: a worker was killed.
    """
    pool = _Pool(work, jobs)
    try:
        pool.start(processes)
        for number in range(jobs):
            yield from pool.parts_of(number)
    finally:
        pool.terminate()


class _Pool(Generic[_Part]):
    def __init__(self, work: Callable[[int], Iterator[_Part]], jobs: int) -> None:
        self._work = work
        self._numbers = iter(range(jobs))
        self._kept: defaultdict[int, deque[bytes]] = defaultdict(deque)
        self._kept_bytes = 0
        self._workers: list[_Worker] = []

    def start(self, processes: int) -> None:
        for _ in range(processes):
            self._workers.append(_Worker(self._work))
            self._workers[-1].begin(next(self._numbers, None))

    def parts_of(self, number: int) -> Iterator[_Part]:
        """Yield the parts of one job; called once for each, in their order."""
        while (message := self._next_message(number)) != _END:
            part = pickle.loads(message)  # what our own fork wrote
            if isinstance(part, BaseException):
                raise part
            yield part
        del self._kept[number]

    def _next_message(self, number: int) -> bytes:
        while not self._kept[number]:
            self._hear(number)
        message = self._kept[number].popleft()
        self._kept_bytes -= len(message)
        return message

    def _hear(self, turn: int) -> None:
        """Take what was sent, by the worker whose turn it is at least."""
        full = self._kept_bytes >= _KEPT_BYTES
        heard = {
            worker.connection: worker
            for worker in self._workers
            if worker.number is not None and (worker.number == turn or not full)
        }
        for connection in wait(list(heard)):
            worker = heard[connection]  # type: ignore[index]
            assert worker.number is not None
            message = worker.receive()
            self._kept[worker.number].append(message)
            self._kept_bytes += len(message)
            if message == _END:
                worker.begin(next(self._numbers, None))

    def terminate(self) -> None:
        """End all workers, whatever they are at: nobody waits for it."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()


class _Worker:
    """One process, and the number of the job that it is at."""

    def __init__(self, work: Callable[[int], Iterator[object]]) -> None:
        context = get_context("fork")
        self.number: int | None = None
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_run_worker, args=(work, theirs, os.getpid()), daemon=True
        )
        try:
            self.process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            # Ours is the last one now, so that we see its end.
            theirs.close()

    def begin(self, number: int | None) -> None:
        self.number = number
        if number is None:
            return
        try:
            self.connection.send(number)
        except (BrokenPipeError, ConnectionResetError):
            raise WorkerLost from None

    def receive(self) -> bytes:
        try:
            return self.connection.recv_bytes()
        except (EOFError, ConnectionResetError):
            raise WorkerLost from None


def _run_worker(
    work: Callable[[int], Iterator[object]], connection: Connection, parent: int
) -> None:
    """Do jobs as a worker, until it is terminated or its parent is gone."""
    set_parent_death_signal(signal.SIGKILL)
    # A terminal interrupts the whole group; the parent then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while os.getppid() == parent:
            number = connection.recv()
            try:
                for part in work(number):
                    connection.send_bytes(pickle.dumps(part))
            except Exception as error:
                connection.send_bytes(pickle.dumps(error))
            connection.send_bytes(_END)
