"""A table that fits its terminal: the least telling columns are left out first."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from ....kernel.values import frozen
from ...ui.terminal import cells, fit, one_line, terminal_width

_GAP = 2


@frozen
class Column:
    """One column of a table.

    :param rank: the higher, the sooner it is left out; 0: never.
    :param least: cells that it may be cut to before another column is left out; None: never cut.
    """

    title: str
    rank: int = 0
    least: int | None = None


def write_columns(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Write a header and rows; on a terminal no line is wider than it."""
    lines = [tuple(column.title for column in columns), *(tuple(map(one_line, r)) for r in rows)]
    sys.stdout.write("".join(f"{line}\n" for line in arrange(columns, lines, terminal_width())))


def arrange(
    columns: Sequence[Column], lines: Sequence[Sequence[str]], width: int | None
) -> list[str]:
    """Return the lines of a table, the header first.

    :param width: of the terminal; None where there is none, and nothing is cut.
    """
    widths = [max(cells(line[number]) for line in lines) for number in range(len(columns))]
    shown = list(range(len(columns)))
    if width is not None:
        shown = _chosen(columns, widths, width)
        widths = _cut(columns, widths, shown, width)
    text = ["  ".join(fit(line[number], widths[number]) for number in shown) for line in lines]
    return [(line if width is None else fit(line, width)).rstrip() for line in text]


def _chosen(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    shown = list(range(len(columns)))
    least = [
        size if column.least is None else min(size, column.least)
        for column, size in zip(columns, widths, strict=True)
    ]
    while _total(least, shown) > width and any(columns[number].rank for number in shown):
        shown.remove(max(shown, key=lambda number: columns[number].rank))
    return shown


def _cut(
    columns: Sequence[Column], widths: Sequence[int], shown: Sequence[int], width: int
) -> list[int]:
    """Take what is too much from the columns that may be cut, the widest first."""
    cut = list(widths)
    while (excess := _total(cut, shown) - width) > 0:
        room = {n: cut[n] - least for n in shown if (least := columns[n].least) is not None}
        number = max(room, key=lambda n: room[n], default=None)
        if number is None or room[number] <= 0:
            break
        cut[number] -= min(excess, room[number])
    return cut


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[number] for number in shown) + _GAP * (len(shown) - 1)
