"""A table fits its terminal: the least telling columns go first, then what may be cut."""

from __future__ import annotations

import pytest

from codexlab.cli.commands.runs.columns import Column, arrange

COLUMNS = (Column("NAME"), Column("STATE", 0, 6), Column("SIZE", 1), Column("MORE", 2))
LINES = [
    ("NAME", "STATE", "SIZE", "MORE"),
    ("a", "failed: a long reason", "12 KiB", "more than that"),
    ("日本", "done", "-", "-"),
]


@pytest.mark.parametrize(
    ("width", "header", "row"),
    [
        (None, ["NAME", "STATE", "SIZE", "MORE"], "failed: a long reason  12 KiB  more than that"),
        (80, ["NAME", "STATE", "SIZE", "MORE"], "failed: a long reason  12 KiB  more than that"),
        (50, ["NAME", "STATE", "SIZE", "MORE"], "failed: a long reas…  12 KiB  more than that"),
        (34, ["NAME", "STATE", "SIZE"], "failed: a long reas…  12 KiB"),
        (18, ["NAME", "STATE"], "failed: a l…"),
        (9, ["NAME", "ST…"], "fa…"),
        (1, ["…"], ""),
    ],
)
def test_columns_are_left_out_and_cut(width: int | None, header: list[str], row: str) -> None:
    first, second, _ = arrange(COLUMNS, LINES, width)
    assert first.split() == header
    assert second.endswith(row)
    assert all(len(line) <= (width or 99) for line in (first, second))


def test_wide_characters_keep_the_columns_aligned() -> None:
    header, *_, last = arrange(COLUMNS, LINES, 80)
    assert last.startswith("日本  done")
    assert header.startswith("NAME  STATE")
