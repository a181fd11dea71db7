"""What leads to a kill, a hook's directory or a branch is believed of our state directory alone.

The records in a workspace are written here as its agent can write them: at any time, and
with the workspace's other files moved to where they help most.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab, running, wait_until_running
from support.processes.killing import kill_at_once, wait_for_both_halves
from support.workspace.forging import change, codexlab, workspace_of

pytestmark = pytest.mark.one_python

PLAIN = ["--issue", "1", "--agent", "generic", "--no-repo"]
Forge = Callable[[Path], None]


@pytest.fixture
def mark() -> str:
    """An argument for sleep that no other test uses."""
    return f"164.{secrets.randbits(40)}"


def leave_a_survivor(caller: Lab, mark: str) -> Path:
    """Kill both halves of a run whose agent has left something behind; return its workspace."""
    agent = ["sh", "-c", f"setsid sleep {mark} & echo ready; read line"]
    with caller.started([*PLAIN, "--stdin", "inherit"], agent, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        wait_until_running(f"sleep {mark}", 1)
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(30)
        wait_for_both_halves(run)
        assert running(f"sleep {mark}"), "the run left nothing to end"
        place = workspace_of(caller, "1")
        # A record on the workdir names the run, too; it goes by device and inode.
        (place / "workdir").rename(place / "was")
    return place


def say_that_nothing_is_left(place: Path) -> None:
    change(place / ".codexlab/owner.json", contained=True)


def name_another_run(place: Path) -> None:
    change(place / ".codexlab/owner.json", contained=True, run_id="20260101T000000Z-00000000")


def take_the_record_away(place: Path) -> None:
    (place / ".codexlab/owner.json").unlink()


def damage_the_record(place: Path) -> None:
    (place / ".codexlab/owner.json").write_text("no")


def move_the_workspace_away(place: Path) -> None:
    place.rename(place.parents[2].with_name("elsewhere"))


FORGERIES = [
    say_that_nothing_is_left,
    name_another_run,
    take_the_record_away,
    damage_the_record,
]


@pytest.mark.parametrize("forge", [*FORGERIES, move_the_workspace_away])
def test_the_next_launch_ends_what_a_killed_run_left(caller: Lab, mark: str, forge: Forge) -> None:
    forge(leave_a_survivor(caller, mark))
    done = caller.run(PLAIN, ["true"])
    assert done.returncode == 0, done.stderr
    assert running(f"sleep {mark}") == set()


@pytest.mark.parametrize("forge", FORGERIES)
def test_reap_ends_what_a_killed_run_left(lab: Lab, mark: str, forge: Forge) -> None:
    forge(leave_a_survivor(lab, mark))
    done = codexlab(lab, "reap", "--json")
    (row,) = [row for row in json.loads(done.stdout)["runs"] if row["action"] != "finished"]
    assert (row["action"], row["left"]) == ("ended", 0), done
    assert running(f"sleep {mark}") == set()


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_workspace_is_not_removed_while_something_of_its_run_is_left(
    lab: Lab, mark: str, forge: Forge
) -> None:
    place = leave_a_survivor(lab, mark)
    forge(place)
    done = codexlab(lab, "workspace", "remove", "--force", "1")
    assert done.returncode == 125
    assert "not proven contained" in done.stderr
    codexlab(lab, "workspace", "gc", "--idle", "0s", "--apply", "--force")
    assert place.is_dir()
    assert codexlab(lab, "reap").returncode == 0
    assert running(f"sleep {mark}") == set()


@pytest.mark.parametrize("forge", [take_the_record_away, move_the_workspace_away])
def test_a_live_run_whose_lock_was_taken_away_keeps_its_workspace(
    caller: Lab, forge: Forge
) -> None:
    flags = [*PLAIN, "--stdin", "inherit"]
    agent = ["sh", "-c", "echo ready; read line"]
    with caller.started(flags, agent, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        place = workspace_of(caller, "1")
        (place / ".codexlab/lock").unlink()
        forge(place)
        done = caller.run(PLAIN, ["true"])
        assert done.returncode == 75, done.stderr
        assert f"pid {run.guardian} " in done.stderr or "nobody" in str(caller.program)
        codexlab(caller, "reap")
        assert run.process.poll() is None
        assert run.process.stdin is not None
        run.process.stdin.write(b"\n")
        assert run.finish()[0] == 0


def test_a_run_is_found_by_the_registry_where_no_record_is_left(lab: Lab, mark: str) -> None:
    take_the_record_away(leave_a_survivor(lab, mark))
    shutil.rmtree(Path(lab.environ["XDG_STATE_HOME"], "codexlab/workspaces"))
    done = lab.run(PLAIN, ["true"])
    assert done.returncode == 0, done.stderr
    assert running(f"sleep {mark}") == set()


def test_the_hook_before_a_removal_runs_where_the_last_run_worked(
    caller: Lab, scratch: Path
) -> None:
    assert caller.run(PLAIN, ["true"]).returncode == 0
    place, trail = workspace_of(caller, "1"), caller.workspaces_root.with_name("trail")
    precious = scratch / "precious"
    precious.mkdir(mode=0o777)
    change(place / ".codexlab/workspace.json", workdir=str(precious), kind="given")
    hook = f"pwd -P >{trail}"
    done = codexlab(caller, "workspace", "remove", "1", "--force", "--hook-before-remove", hook)
    assert done.returncode == 0, done.stderr
    assert trail.read_text() == f"{place}/workdir\n"
    assert f"names workdir {precious}, which is not known to be where" in done.stderr


def test_the_hook_before_a_removal_follows_no_link(caller: Lab, scratch: Path) -> None:
    assert caller.run(PLAIN, ["true"]).returncode == 0
    place, trail = workspace_of(caller, "1"), caller.workspaces_root.with_name("trail")
    (place / "workdir").rename(place / "was")
    (place / "workdir").symlink_to(scratch)
    hook = f"pwd -P >{trail}"
    codexlab(caller, "workspace", "remove", "1", "--force", "--hook-before-remove", hook)
    with suppress(FileNotFoundError):
        assert trail.read_text() == f"{place}\n"


def test_the_hook_before_a_removal_runs_in_a_given_directory(lab: Lab, scratch: Path) -> None:
    given, trail = scratch / "given", scratch / "trail"
    given.mkdir()
    flags = ["--issue", "1", "--agent", "generic", "--workdir", str(given)]
    assert lab.run(flags, ["true"]).returncode == 0
    hook = f"pwd -P >{trail}"
    done = codexlab(lab, "workspace", "remove", "1", "--hook-before-remove", hook)
    assert (done.returncode, done.stderr) == (0, "")
    assert trail.read_text() == f"{given}\n"


def test_another_issues_builds_are_not_reached_by_a_forged_key(lab: Lab) -> None:
    assert lab.run(PLAIN, ["true"]).returncode == 0
    threads = workspace_of(lab, "1") / ".codexlab/threads.json"
    own = change(threads, cargo_key="another-issues")["cargo_key"]
    done = lab.run(["--dry-run", "--json", *PLAIN], ["true"])
    assert json.loads(done.stdout)["cargo"]["key"] == own
    done = lab.run(PLAIN, ["true"])
    assert f"its cargo_key was changed; it is {own} again" in done.stderr
    assert json.loads(threads.read_bytes())["cargo_key"] == own


def test_a_workdir_is_made_on_no_branch_that_only_a_record_names(
    lab: Lab, source_repo: Path
) -> None:
    lab = replace(lab, cwd=source_repo)
    flags = ["--issue", "1", "--agent", "generic"]
    assert lab.run(flags, ["true"]).returncode == 0
    git(source_repo, "branch", "release")
    place = workspace_of(lab, "1")
    shutil.rmtree(place / "workdir")
    shutil.rmtree(source_repo / ".git/worktrees/workdir")
    change(place / ".codexlab/workspace.json", chosen="release", state="preparing")
    done = lab.run(flags, ["git", "branch", "--show-current"])
    assert done.stdout == "codexlab/1/generic\n", done.stderr
    assert "names branch release for the workdir; no launch recorded that" in done.stderr
