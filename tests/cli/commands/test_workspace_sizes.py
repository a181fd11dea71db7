"""``workspace list`` and ``gc`` show sizes and unfinished work, newest first, in any terminal."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from pathlib import Path

import pytest
from support.commands import CODEXLAB, codexlab
from support.git.repositories import git, make_repository
from support.terminal.program import on_terminal

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

ISSUES = ("clean", "dirty", "merged", "both")  # as they were used, one after the other


def open_workspace(root: Path, issue: str, repo: Path) -> Path:
    key = WorkspaceKey("a-project-with-a-long-name-1a2b3c4d", issue, "codex")
    paths = locate_workspace(root, key)
    claim = claim_workspace(paths, key)
    prepare_workdir(claim, choose_workdir(inspect_checkout(repo), paths))
    claim.release()
    used = 1_700_000_000 + 3600 * ISSUES.index(issue)
    for record in ("lock", "owner.json", "threads.json"):
        path = paths.control / record
        path.touch()
        os.utime(path, (used, used))
    return paths.workdir


def commit(workdir: Path, name: str) -> None:
    workdir.joinpath(name).write_text(name)
    git(workdir, "add", name)
    git(workdir, "commit", "-qm", name)


@pytest.fixture
def environ(scratch: Path) -> dict[str, str]:
    """Return the environment of a caller whose root has one workspace of each kind."""
    root, repo = scratch / "workspaces", make_repository(scratch / "repo")
    workdirs = {issue: open_workspace(root, issue, repo) for issue in ISSUES}
    workdirs["dirty"].joinpath("new").write_bytes(os.urandom(300_000))
    for issue in ("merged", "both"):
        commit(workdirs[issue], f"{issue}.txt")
    git(repo, "merge", "--squash", "codexlab/merged/codex")
    git(repo, "commit", "-qm", "squashed")
    workdirs["both"].joinpath("new").write_text("x")
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return {**inherited, "CODEXLAB_WORKSPACES_ROOT": str(root), "TZ": "America/New_York"}


def shown(environ: dict[str, str], columns: int, *words: str) -> list[str]:
    sized = ["sh", "-c", f"stty cols {columns} <&1; exec {CODEXLAB} workspace {' '.join(words)}"]
    lines = on_terminal(sized, environ).splitlines()
    assert all(len(line) <= columns for line in lines), lines
    return lines


def column(lines: list[str], title: str) -> list[str]:
    at = lines[0].index(title)
    return [re.split(r" {2,}", line[at:])[0] for line in lines[1 : len(ISSUES) + 1]]


def test_the_list_shows_the_newest_first_with_size_and_work(environ: dict[str, str]) -> None:
    lines = shown(environ, 200, "list")
    assert column(lines, "ISSUE") == list(reversed(ISSUES))
    assert column(lines, "WORK  ") == ["dirty+unmerged", "clean", "dirty", "clean"]
    sizes = column(lines, "SIZE")
    assert all(re.fullmatch(r"[\d.]+ [KM]iB", size) for size in sizes), sizes
    assert float(sizes[2].split()[0]) - float(sizes[3].split()[0]) >= 290
    assert column(lines, "USED")[3] == "2023-11-14 17:13"


def test_in_json_sizes_are_numbers_and_times_are_utc(environ: dict[str, str]) -> None:
    found = json.loads(codexlab(environ, "workspace", "list", "--json").stdout)
    assert [each["issue"] for each in found] == list(reversed(ISSUES))
    assert found[3]["used"] == "2023-11-14T22:13:20Z"
    assert dt.datetime.fromisoformat(found[3]["used"]).tzinfo == dt.UTC
    gone = json.loads(codexlab(environ, "workspace", "gc", "--json").stdout)["workspaces"]
    assert [each["issue"] for each in gone] == list(reversed(ISSUES))
    assert [(each["dirty"], each["unmerged"]) for each in gone] == [
        (True, True), (False, False), (True, False), (False, False),
    ]  # fmt: skip
    assert all(isinstance(each["size"], int) and each["size"] > 4096 for each in gone)


@pytest.mark.parametrize(
    ("width", "verb", "header"),
    [
        (80, "list", "ISSUE AGENT STATE USED SIZE WORK LAST RUN"),
        (200, "list", "PROJECT ISSUE AGENT STATE USED SIZE WORK WORKDIR LAST RUN"),
        (40, "list", "ISSUE STATE SIZE WORK"),
        (80, "gc", "ISSUE AGENT SIZE WORK ACTION WHY"),
        (200, "gc", "PROJECT ISSUE AGENT SIZE WORK ACTION WHY"),
    ],
)
def test_the_least_telling_columns_are_left_out(
    environ: dict[str, str], width: int, verb: str, header: str
) -> None:
    lines = shown(environ, width, verb)
    assert lines[0].split() == header.split()
    assert column(lines, "ISSUE") == list(reversed(ISSUES))


def test_a_git_that_never_answers_ends_the_look_and_shows_dots(
    environ: dict[str, str], scratch: Path
) -> None:
    # A git that never answers, as over a dead network filesystem: the first on the search path.
    slow = scratch / "bin"
    slow.mkdir()
    slow.joinpath("git").write_text("#!/bin/sh\nexec sleep 60\n")
    slow.joinpath("git").chmod(0o755)
    environ["PATH"] = f"{slow}:{environ['PATH']}"
    lines = shown(environ, 200, "list")
    assert set(column(lines, "WORK  ")) == {"…"}
    assert column(lines, "ISSUE") == list(reversed(ISSUES))


def test_show_tells_a_person_local_time_and_a_program_utc(environ: dict[str, str]) -> None:
    lines = codexlab(environ, "workspace", "show", "clean").stdout.splitlines()
    (used,) = [line for line in lines if line.startswith("used ")]
    assert used.split(maxsplit=1)[1] == "2023-11-14 17:13:20"
    (found,) = json.loads(codexlab(environ, "workspace", "show", "clean", "--json").stdout)
    assert found["used"] == "2023-11-14T22:13:20Z"
