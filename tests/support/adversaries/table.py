"""The table of mechanism, adversary and survivors in ``docs/supervision.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from support.adversaries.cases import Case, all_cases

PAGE = Path(__file__).parents[3] / "docs" / "supervision.md"
BEGIN, END = "<!-- adversaries: begin -->\n", "<!-- adversaries: end -->\n"

COLUMNS = {
    "cgroup, guardian alive": ("cgroup", ("itself", "term", "supervisor")),
    "cgroup, guardian killed": ("cgroup", ("guardian", "both")),
    "subreaper, guardian alive": ("subreaper", ("itself", "term", "supervisor")),
    "tag, guardian killed": ("subreaper", ("guardian", "both")),
}
"""What each column is made of: a place, and the ways of ending of which the worst counts."""


def table_cases() -> list[Case]:
    """Return the cases the table is made of."""
    wanted = {(place, ending) for place, endings in COLUMNS.values() for ending in endings}
    return [case for case in all_cases() if (case.place, case.ending) in wanted]


def render(survivors: Mapping[Case, int]) -> str:
    """Return the table: in each cell the most survivors seen."""
    lines = [
        "| adversary | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for adversary in sorted({case.adversary for case in survivors}):
        cells = [_worst(survivors, adversary, *column) for column in COLUMNS.values()]
        lines.append(f"| {adversary.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _worst(
    survivors: Mapping[Case, int], adversary: str, place: str, endings: tuple[str, ...]
) -> str:
    found = [
        left
        for case, left in survivors.items()
        if (case.adversary, case.place) == (adversary, place) and case.ending in endings
    ]
    return str(max(found)) if found else "–"


def limits() -> dict[Case, int]:
    """Return what the table may say at most."""
    return {case: case.limit for case in table_cases()}


def written() -> str:
    """Return the table as the page has it."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def rows(table: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the adversary and the cells of each row."""
    for line in table.splitlines()[2:]:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        yield name, tuple(cells)


def write(table: str) -> None:
    """Put a table into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + table + END + rest.partition(END)[2])
