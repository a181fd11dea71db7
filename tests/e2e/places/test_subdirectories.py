"""An agent started in a subdirectory of the repository starts there in its workdir."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.agents.claude import sessions_of
from support.git.repositories import git
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import ModelFactory, say

FLAGS = ["--issue", "1"]
SAY = ["sh", "-c", 'pwd; echo "$PWD $CODEXLAB_RUN_WORKDIR"']


@pytest.fixture
def below(source_repo: Path) -> Path:
    """Return a committed subdirectory of the repository."""
    place = source_repo / "src" / "deep"
    place.mkdir(parents=True)
    place.joinpath("tool").write_text("#!/bin/sh\necho the tool in $(pwd)\n")
    place.joinpath("tool").chmod(0o755)
    git(source_repo, "add", "src")
    git(source_repo, "commit", "-qm", "deep")
    return place


def test_it_starts_in_the_same_subdirectory_of_its_worktree(lab: Lab, below: Path) -> None:
    done = lab.run([*FLAGS, "-v"], SAY, cwd=below)
    assert done.returncode == 0, done.stderr
    workdir = lab.workspace / "workdir"
    start = f"{workdir}/src/deep"
    assert done.stdout == f"{start}\n{start} {workdir}\n"
    assert f"working in {start} (worktree" in done.stderr
    (record,) = lab.records
    assert (record["cwd"], record["workdir"]["path"]) == (start, str(workdir))
    tool = lab.run(FLAGS, ["./tool"], cwd=below)
    assert tool.stdout == f"the tool in {start}\n"


def test_at_the_top_nothing_is_different(lab: Lab) -> None:
    assert lab.run(FLAGS, SAY).stdout.splitlines()[0] == f"{lab.workspace}/workdir"
    assert lab.records[0]["cwd"] == f"{lab.workspace}/workdir"


def test_the_dry_run_shows_where_it_would_start(lab: Lab, below: Path) -> None:
    def start() -> object:
        done = lab.run([*FLAGS, "--dry-run", "--json"], ["true"], cwd=below)
        return json.loads(done.stdout)["cwd"]

    before = start()
    assert lab.run(FLAGS, ["true"], cwd=below).returncode == 0
    assert before == start() == f"{lab.workspace}/workdir/src/deep"
    shutil.rmtree(lab.workspace / "workdir/src/deep")
    assert start() == f"{lab.workspace}/workdir"


def test_a_subdirectory_that_is_not_in_the_worktree_is_one_line(
    lab: Lab, source_repo: Path
) -> None:
    new = source_repo / "uncommitted"
    new.mkdir()
    done = lab.run(FLAGS, SAY, cwd=new)
    workdir = lab.workspace / "workdir"
    assert done.stdout.splitlines()[0] == str(workdir)
    line = (
        f"codexlab-run: {workdir}/uncommitted: no such file or directory;"
        f" the agent starts in {workdir}"
    )
    assert done.stderr.splitlines().count(line) == 1
    assert lab.records[0]["cwd"] == str(workdir)


@pytest.mark.parametrize("name", ["src", "src/deep"])
def test_no_link_that_an_agent_made_leads_it_elsewhere(
    lab: Lab, below: Path, tmp_path: Path, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    plant = f'cd "$CODEXLAB_RUN_WORKDIR" && rm -r {name} && ln -s {elsewhere} {name}'
    assert lab.run(FLAGS, ["sh", "-c", plant], cwd=below).returncode == 0
    done = lab.run(FLAGS, SAY, cwd=below)
    workdir = lab.workspace / "workdir"
    assert done.stdout.splitlines()[0] == str(workdir)
    assert "src/deep: a link or no directory; the agent starts in" in done.stderr


def test_a_link_planted_between_two_attempts_is_not_followed(
    lab: Lab, below: Path, tmp_path: Path
) -> None:
    first = (
        f'pwd; cd "$CODEXLAB_RUN_WORKDIR" && rm -rf src/deep && ln -s {tmp_path} src/deep; exit 1'
    )
    flags = [*FLAGS, "--retries", "1"]
    done = lab.run(flags, ["sh", "-c", first], cwd=below)
    workdir = f"{lab.workspace}/workdir"
    assert done.stdout.splitlines() == [f"{workdir}/src/deep", workdir]
    assert lab.records[0]["cwd"] == workdir


def test_a_linked_worktree_is_worked_in_where_its_user_stands(lab: Lab, below: Path) -> None:
    side = lab.cwd.parent / "side"
    git(lab.cwd, "worktree", "add", "-q", str(side))
    start = side / "src/deep"
    done = lab.run(FLAGS, SAY, cwd=start)
    assert done.stdout == f"{start}\n{start} {side}\n"


@pytest.mark.parametrize("flags", [["--workdir", "."], ["--no-repo"], ["--repo", "."]])
def test_a_flag_that_names_the_place_decides(lab: Lab, below: Path, flags: list[str]) -> None:
    done = lab.run([*FLAGS, *flags], SAY, cwd=below)
    start, named = done.stdout.splitlines()
    assert start == (str(below) if "--workdir" in flags else f"{lab.workspace}/workdir")
    assert named == f"{start} {start}"


@both_codex
def test_codex_goes_on_in_a_subdirectory_and_back_at_the_top(
    lab: Lab, model: ModelFactory, task: Task, below: Path
) -> None:
    server = model([say("first"), say("second"), say("third")])
    for cwd, words in ((lab.cwd, ["one"]), (below, ["{resume}", "two"])):
        done = lab.run(FLAGS, task(*words), cwd=cwd)
        assert done.returncode == 0, done.stderr
    workdir = f"{lab.workspace}/workdir"
    moved = f"was made in {workdir}; it goes on in {workdir}/src/deep"
    assert moved in done.stderr
    config = lab.workspace / "codex-home/config.toml"
    assert f'"{workdir}"' in config.read_text()
    back = lab.run(FLAGS, task("{resume}", "three"))
    assert back.returncode == 0, back.stderr
    assert server.requests[2].prompts == ["one", "two", "three"]
    assert len({record["thread"] for record in lab.records}) == 1
    assert f'"{workdir}"' not in config.read_text()


def test_claude_goes_on_in_a_subdirectory_and_back_at_the_top(
    lab: Lab, claude_model: ModelFactory, claude_task: Task, user_home: Path, below: Path
) -> None:
    server = claude_model([say("first"), say("second"), say("third")])
    turns = ((lab.cwd, ["one"]), (below, ["{resume}", "two"]), (lab.cwd, ["{resume}", "three"]))
    for cwd, words in turns:
        done = lab.run(FLAGS, claude_task(*words, form="text"), cwd=cwd)
        assert done.returncode == 0, done.stderr
    (session,) = sessions_of(user_home)
    assert [record["thread"] for record in lab.records] == [session] * 3
    assert server.requests[2].prompts == ["one", "two", "three"]
