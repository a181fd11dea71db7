"""Let ripgrep find the candidate lines of plain rollouts, where it is installed.

It is asked for bytes only: no ignore files, no configuration, no guessing of
encodings. What it could not read for certain is left to the reader here.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence

from ._query import Query

_ARGUMENT_BYTES = 1 << 20
_FLAGS = (
    "--no-config",
    "--fixed-strings",
    "--text",
    "--encoding=none",
    "--line-number",
    "--byte-offset",
    "--null",
    "--with-filename",
    "--no-heading",
    "--color=never",
    "--no-messages",
    # A line longer than this is replaced by a remark: only positions are wanted.
    "--max-columns=1",
)
# Mapped, nothing is copied, but a file costs some 20 us more: that pays for large ones.
_WORTH_MAPPING = 512 << 10
_SAMPLE = 256
_OUTPUT = re.compile(rb"([^\0\n]+)\0([0-9]+):([0-9]+):[^\n]*\n")

Positions = list[tuple[int, int]]
"""Number and byte offset of candidate lines."""


def ripgrep_positions(
    program: str, paths: Sequence[str], query: Query, meanwhile: Callable[[], object]
) -> dict[str, Positions | None]:
    """Find the candidate lines of plain files.

    :param program: the ``rg`` to run.
    :param meanwhile: called while it is at work, once for each of its runs.
    :returns: for each path with candidates their positions, and None for a path
        that ripgrep may not have read; paths without candidates are missing.
    """
    found: dict[str, Positions | None] = {}
    for batch in _batches(paths):
        output, complete = _run(program, batch, query, meanwhile)
        for path, number, offset in _OUTPUT.findall(output):
            positions = found.setdefault(os.fsdecode(path), [])
            if positions is not None:
                positions.append((int(number), int(offset)))
        if not complete:
            found |= dict.fromkeys(batch)
    return found


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
    program: str, batch: list[str], query: Query, meanwhile: Callable[[], object]
) -> tuple[bytes, bool]:
    case = "--ignore-case" if query.fold else "--case-sensitive"
    # Killed for a file that was cut under its map, it has not read all: see below.
    mapped = "--mmap" if _are_large(batch) else "--no-mmap"
    command = [program, *_FLAGS, mapped, case, "-e", query.needle.decode(), "--", *batch]
    nothing = subprocess.DEVNULL
    with subprocess.Popen(
        command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing
    ) as process:
        meanwhile()
        output, _ = process.communicate()
    # 0: found, 1: nothing found, 2: some file could not be read.
    return output, process.returncode in (0, 1)


def _are_large(paths: Sequence[str]) -> bool:
    """Estimate from some files whether the mean is worth mapping."""
    sample = paths[:: max(1, len(paths) // _SAMPLE)]
    return sum(map(_size, sample)) > len(sample) * _WORTH_MAPPING


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
