"""Let ripgrep find the candidate lines of plain rollouts, where it is installed.

It is asked for bytes only: no ignore files, no configuration, no guessing of
encodings. What it could not read for certain is left to the reader here.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence

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
_OUTPUT = re.compile(rb"([^\0\n]+)\0([0-9]+):([0-9]+):[^\n]*\n")

Positions = list[tuple[int, int]]
"""Number and byte offset of candidate lines."""


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
        output, complete = _run(program, batch, query)
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


def _run(program: str, batch: list[str], query: Query) -> tuple[bytes, bool]:
    case = "--ignore-case" if query.fold else "--case-sensitive"
    command = [program, *_FLAGS, case, "-e", query.needle.decode(), "--", *batch]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    # 0: found, 1: nothing found, 2: some file could not be read.
    return result.stdout, result.returncode in (0, 1)
