"""Tables of the documentation that name tests name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PROJECTS = {"tini", "process-wrap", "process-compose", "s6", "systemd"}


def rows_of(page: str, title: str) -> list[list[str]]:
    """Return the cells of the tables below one heading, without their heads."""
    section = (DOCS / page).read_text().partition(f"# {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in lines[1:]]


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("supervision.md", "Guarantees adopted from others"),
        ("reports.md", "What was reported of others, and what happens here"),
    ],
)
def test_every_row_names_tests_that_exist(page: str, title: str) -> None:
    rows = rows_of(page, title)
    assert rows
    for row in rows:
        named = re.findall(r"`(tests/\S+\.py)::(\w+)`", row[-1])
        assert named or "the same" in row[-1], row
        for path, name in named:
            text = (ROOT / path).read_text()
            assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), row


def test_guarantees_of_every_project_we_learned_from_are_there() -> None:
    rows = rows_of("supervision.md", "Guarantees adopted from others")
    assert {row[0] for row in rows} >= PROJECTS
