"""Each guarantee that docs/supervision.md takes from others names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECTS = {"tini", "process-wrap", "process-compose", "s6", "systemd"}


def test_every_guarantee_adopted_from_others_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "supervision.md").read_text()
    section = page.partition("## Guarantees adopted from others\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    assert {row[0].strip("| ") for row in rows} >= PROJECTS
    for row in rows:
        named = re.findall(r"`(tests/\S+\.py)::(\w+)`", row[-1])
        assert named or "the same" in row[-1], row
        for path, name in named:
            assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE), (
                row
            )
