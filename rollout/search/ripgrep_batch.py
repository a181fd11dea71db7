"""Let ripgrep find the candidate lines of plain rollouts that are named one by one.

What it could not read for certain is left to the reader here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

from ..codec.measure import may_be_hollow
from .query import Query
from .ripgrep_process import SLOW_AFTER, Positions, RipgrepRun

_ARGUMENT_BYTES = 1 << 20
# Mapped, nothing is copied, but a file costs some 20 us more: that pays for large ones.
_WORTH_MAPPING = 512 << 10
_SAMPLE = 256
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ripgrep_positions(
    program: str, paths: Sequence[str], query: Query
) -> dict[str, Positions | None]:
    """Find the candidate lines of plain files.

    :param program: the ``rg`` to run.
    :returns: for each path with candidates their positions, and None for a path
        that ripgrep may not have read; paths without candidates are missing.
    """
    found: dict[str, Positions | None] = {}
    for batch in _batches(paths):
        found |= _positions(program, batch, query)
    return found


def _positions(program: str, batch: list[str], query: Query) -> dict[str, Positions | None]:
    positions, complete, held_up = _run(program, batch, query)
    if held_up and len(held_up) < len(batch):
        rest = sorted(frozenset(batch).difference(held_up))
        return {**_positions(program, rest, query), **dict.fromkeys(held_up)}
    return {**positions} if complete else dict.fromkeys(batch)


def _batches(paths: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    room = _ARGUMENT_BYTES
    for path in paths:
        room -= len(os.fsencode(path)) + 9
        if room < 0 and batch:
            yield batch
            batch, room = [], _ARGUMENT_BYTES
        batch.append(path)
    if batch:
        yield batch


def _run(
    program: str, batch: list[str], query: Query
) -> tuple[dict[str, Positions], bool, list[str]]:
    """Return what was found, whether all was read, and files that ripgrep was not to wait for."""
    mapped = "--mmap" if _are_large(batch) else "--no-mmap"
    with ExitStack() as stack:
        # A signal between its start and our hold on it would leave ripgrep running.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        try:
            run = RipgrepRun(program, [mapped], query.needle, query.fold, batch)
            stack.enter_context(closing(run))
        except OSError:
            return {}, False, []  # it cannot be started: no reason not to search
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if not run.wait_for(SLOW_AFTER) and (held_up := list(filter(may_be_hollow, batch))):
            return {}, False, held_up
        return *run.result(), []


def _are_large(paths: Sequence[str]) -> bool:
    """Estimate from some files whether the mean is worth mapping."""
    sample = paths[:: max(1, len(paths) // _SAMPLE)]
    return sum(map(_size, sample)) > len(sample) * _WORTH_MAPPING


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
