"""The table in docs/supervision.md names every adversary and says no more than the limits."""

from __future__ import annotations

import pytest
from support.adversaries.cases import adversaries
from support.adversaries.table import limits, render, rows, written

pytestmark = pytest.mark.one_python


def test_the_table_has_every_adversary_and_no_cell_beyond_its_limit() -> None:
    allowed = dict(rows(render(limits())))
    found = dict(rows(written()))
    assert sorted(found) == sorted(name.replace("_", " ") for name in adversaries())
    for name, cells in found.items():
        for cell, limit in zip(cells, allowed[name], strict=True):
            assert cell == limit or int(cell) < int(limit), (name, cells, allowed[name])
