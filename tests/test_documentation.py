"""Tables of the documentation that name tests name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codexlab.supervisor.settings.table import SETTINGS

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


# Flags of git, pip, npm, systemctl, codex and claude that the pages speak of.
FOREIGN = {
    "--bare",
    "--continue",
    "--count",
    "--fork-session",
    "--get",
    "--git-path",
    "--global",
    "--last",
    "--listen",
    "--output-format",
    "--prefer-offline",
    "--resume",
    "--stage",
    "--user",
    "--work-tree",
    "--worktree",
}
PAGES = [*DOCS.glob("*.md"), ROOT / "README.md"]


def named_in_pages(pattern: str) -> set[str]:
    return {name for page in PAGES for name in re.findall(pattern, page.read_text())}


def named_in_code(pattern: str, *folders: str) -> set[str]:
    """Return what quoted text in our sources names."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return {name for path in paths for name in re.findall(pattern, path.read_text())}


def test_every_variable_that_a_page_names_exists() -> None:
    settings = {each.variable for each in SETTINGS}
    folders = ("cli", "supervisor", "kernel", "env", "workspace", "tests")
    known = settings | named_in_code(r'"(CODEXLAB_[A-Z_]+)"', *folders)
    hooks = {f"CODEXLAB_HOOK_{name}" for name in ("BEFORE_RUN", "AFTER_RUN", "TIMEOUT")}
    hooks |= {f"CODEXLAB_HOOK_{name}" for name in ("AFTER_CREATE", "BEFORE_REMOVE")}
    assert named_in_pages(r"\b(CODEXLAB_[A-Z_]*[A-Z])\b(?!_?\*)") <= known | hooks


def test_every_flag_that_a_page_names_exists() -> None:
    known = named_in_code(r'"(--[a-z][a-z-]+)', "cli", "benchmarks", "scripts", "tests/support")
    known |= {each.flag for each in SETTINGS}
    assert named_in_pages(r"(?<![\w-])(--[a-z][a-z-]*[a-z])\b") - known == FOREIGN


OUR_FOLDERS = (
    *("kernel", "guardian", "agents", "env", "workspace", "rollout", "supervisor", "cli"),
    *("scripts", "tests", "benchmarks"),
)
A_PATH_OF_OURS = re.compile(rf"(?<![\w./<>-])((?:{'|'.join(OUR_FOLDERS)})/[\w./-]*(?:\.py|/))")
PLACEHOLDERS = {"agents/NAME.py"}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_file_and_folder_of_ours_that_a_page_names_exists(page: Path) -> None:
    named = set(A_PATH_OF_OURS.findall(page.read_text())) - PLACEHOLDERS
    assert not {path for path in named if not (ROOT / path).exists()}


def test_a_path_is_seen_wherever_a_page_names_it() -> None:
    text = "`cli/a.py`, (env/b/): tests/c_d/e.py::test_f; not src/cli/g.py or ../rollout/h.py"
    assert A_PATH_OF_OURS.findall(text) == ["cli/a.py", "env/b/", "tests/c_d/e.py"]
