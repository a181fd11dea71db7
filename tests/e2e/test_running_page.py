"""docs/running.md names every event, every field and every setting there is."""

from __future__ import annotations

import re
from pathlib import Path

from support.lab import Lab

from codexlab.cli.launch.flags import options
from codexlab.cli.verbs import Verbs
from codexlab.supervisor.settings.table import PROJECT_KEYS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "running.md").read_text()


def first_cells(section: str) -> set[str]:
    """Return what is quoted in the first column of a section's table."""
    part = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0] for line in part.splitlines() if line.startswith("| ")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_every_event_that_is_emitted_is_on_the_page_and_no_other() -> None:
    sources = (path.read_text() for path in (ROOT / "supervisor").rglob("*.py"))
    emitted = {
        name for text in sources for name in re.findall(r'\.emit\(\s*"([a-z]+(?:\.\w+)?)"', text)
    }
    assert first_cells("Events") == emitted


def test_every_field_of_a_record_is_on_the_page(lab: Lab) -> None:
    flags = ["--issue", "1", "--hook-before-run", "true", "--sweep-beside-agents"]
    assert lab.run(flags, ["true"]).returncode == 0
    assert lab.run(["--issue", "2"], ["./nothing-here"]).returncode == 127
    fields = {field for record in lab.records for field in record}
    assert first_cells("The record") == fields


def test_every_flag_on_the_page_exists_and_what_a_project_file_may_set_is_listed() -> None:
    commands = (options, *(Verbs.loaders[name][0]() for name in ("logs", "stop", "wait")))
    known = {name for each in commands for option in each.params for name in option.opts}
    assert set(re.findall(r"`(--[a-z-]+)", PAGE)) <= known
    assert f"`{' '.join(sorted(PROJECT_KEYS))}`" in PAGE
