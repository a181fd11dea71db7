"""What an agent writes into our records leads to no process, directory or entry but its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab
from support.processes.killing import kill_at_once, wait_for_both_halves
from support.workspace.forging import change, codexlab, workspace_of

pytestmark = pytest.mark.one_python

PLAIN = ["--agent", "generic", "--no-repo"]
AGENT = ["sh", "-c", 'echo mine >"$TMPDIR/unique"; echo ready; read line']
Forge = Callable[[Path, Path], None]


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def own_record(place: Path) -> Path:
    """Return the record of a workspace's first run."""
    return sorted(place.glob(".codexlab/runs/*/record.json"))[0]


def claim_run_of(place: Path, other: Path) -> None:
    """Have a workspace's record name the run of another one."""
    theirs = json.loads((other / ".codexlab/owner.json").read_bytes())
    change(
        place / ".codexlab/owner.json",
        run_id=theirs["run_id"],
        cgroup=theirs["cgroup"],
        contained=False,
    )


def claim_temporary_of(place: Path, other: Path) -> None:
    """Have a workspace's record name the temp directory of another one's run."""
    theirs = json.loads(own_record(other).read_bytes())
    change(own_record(place), reason=None, temporary=theirs["temporary"])
    change(place / ".codexlab/owner.json", contained=False)


def claim_run_and_its_record(place: Path, other: Path) -> None:
    claim_run_of(place, other)
    theirs = own_record(other)
    copy = place / ".codexlab/runs" / theirs.parent.name / "record.json"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(theirs.read_bytes())


def reap(caller: Lab) -> None:
    codexlab(caller, "reap")


def launch_again(caller: Lab) -> None:
    caller.run(["--issue", "1", *PLAIN], ["true"])


@pytest.mark.parametrize("look", [reap, launch_again])
@pytest.mark.parametrize("forge", [claim_run_of, claim_temporary_of, claim_run_and_its_record])
def test_a_live_run_of_another_workspace_goes_on_and_keeps_its_temp_directory(
    caller: Lab, forge: Forge, look: Callable[[Lab], None]
) -> None:
    assert caller.run(["--issue", "1", *PLAIN], ["true"]).returncode == 0
    flags = ["--issue", "2", *PLAIN, "--stdin", "inherit"]
    with caller.started(flags, AGENT, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        temporary = Path(
            json.loads(own_record(workspace_of(caller, "2")).read_bytes())["temporary"]
        )
        forge(workspace_of(caller, "1"), workspace_of(caller, "2"))
        look(caller)
        assert (temporary / "unique").exists()
        assert run.process.stdin is not None
        run.process.stdin.write(b"\n")
        assert run.finish()[0] == 0


def test_a_live_run_that_the_registry_has_lost_goes_on_too(caller: Lab) -> None:
    assert caller.run(["--issue", "1", *PLAIN], ["true"]).returncode == 0
    flags = ["--issue", "2", *PLAIN, "--stdin", "inherit"]
    with caller.started(flags, AGENT, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        claim_run_of(workspace_of(caller, "1"), workspace_of(caller, "2"))
        for entry in Path(caller.environ["XDG_STATE_HOME"]).glob("codexlab/runs/*.json"):
            entry.unlink()
        done = codexlab(caller, "reap")
        assert "which is alive" in done.stdout + done.stderr
        assert run.process.stdin is not None
        run.process.stdin.write(b"\n")
        assert run.finish()[0] == 0


def test_a_directory_that_only_looks_like_a_group_leads_to_no_process_and_no_file(
    lab: Lab, scratch: Path, bystander: subprocess.Popen[bytes]
) -> None:
    assert lab.run(["--issue", "1", *PLAIN], ["true"]).returncode == 0
    owner = workspace_of(lab, "1") / ".codexlab/owner.json"
    group = scratch / f"codexlab-{json.loads(owner.read_bytes())['run_id']}"
    group.mkdir()
    precious = scratch / "precious"
    precious.write_text("all of it")
    (group / "cgroup.procs").write_text(f"{bystander.pid}\n")
    (group / "cgroup.events").write_text("populated 1\n")
    (group / "cgroup.kill").symlink_to(precious)
    change(owner, cgroup=str(group), contained=False)
    codexlab(lab, "reap")
    assert bystander.poll() is None
    assert precious.read_text() == "all of it"


def test_a_directory_named_like_a_temp_directory_stays(lab: Lab, scratch: Path) -> None:
    assert lab.run(["--issue", "1", *PLAIN], ["true"]).returncode == 0
    precious = scratch / f"photos/codexlab-{os.getuid()}/20240101"
    precious.mkdir(parents=True)
    place = workspace_of(lab, "1")
    change(own_record(place), reason=None, temporary=str(precious))
    change(place / ".codexlab/owner.json", contained=False)
    codexlab(lab, "reap")
    assert precious.is_dir()


def test_the_temp_directory_of_a_killed_run_goes_all_the_same(caller: Lab) -> None:
    flags = ["--issue", "1", *PLAIN, "--stdin", "inherit"]
    with caller.started(flags, AGENT, stdin=subprocess.PIPE) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        temporary = Path(
            json.loads(own_record(workspace_of(caller, "1")).read_bytes())["temporary"]
        )
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(30)
        wait_for_both_halves(run)
    assert temporary.is_dir()
    codexlab(caller, "reap")
    assert not temporary.exists()


def plant(lab: Lab, **values: object) -> Path:
    """Put into the trash what looks like a killed removal of issue 1's workspace."""
    entry = lab.workspaces_root / ".trash/deadbeefdeadbeef/.codexlab"
    entry.mkdir(parents=True)
    (entry / "lock").touch()
    known = json.loads((workspace_of(lab, "1") / ".codexlab/workspace.json").read_bytes())
    (entry / "workspace.json").write_text(json.dumps({**known, "removing": True, **values}))
    return entry.parent


def make_worktree(lab: Lab) -> None:
    assert lab.run(["--issue", "1", "--agent", "generic"], ["true"]).returncode == 0


def test_planted_trash_drops_no_worktree_of_the_users(
    lab: Lab, source_repo: Path, scratch: Path
) -> None:
    lab = replace(lab, cwd=source_repo)
    make_worktree(lab)
    place = scratch / "usb/tree"
    git(source_repo, "worktree", "add", "--detach", str(place))
    git(place, "commit", "--allow-empty", "-m", "only here")
    git(source_repo, "worktree", "lock", str(place))
    place.parent.rename(scratch / "unmounted")
    planted = plant(lab, removed_from=str(scratch / "usb"))
    codexlab(lab, "workspace", "gc", "--apply")
    assert planted.exists()
    assert (source_repo / ".git/worktrees/tree/HEAD").exists()


def test_planted_trash_loses_no_commit_of_a_workspace_that_lost_its_directory(
    lab: Lab, source_repo: Path
) -> None:
    lab = replace(lab, cwd=source_repo)
    make_worktree(lab)
    place = workspace_of(lab, "1")
    git(place / "workdir", "checkout", "--detach")
    git(place / "workdir", "commit", "--allow-empty", "-m", "only here")
    commit = git(place / "workdir", "rev-parse", "HEAD")
    plant(lab, removed_from=str(place))
    (place / "workdir").rename(place.parent / "elsewhere")
    codexlab(lab, "workspace", "gc", "--apply")
    (head,) = (source_repo / ".git/worktrees").glob("*/HEAD")
    kept = git(source_repo, "for-each-ref", "--format=%(objectname)")
    assert commit in f"{kept} {head.read_text()}"


def test_a_link_in_the_trash_stays_and_so_does_what_it_leads_to(
    lab: Lab, source_repo: Path, scratch: Path
) -> None:
    make_worktree(replace(lab, cwd=source_repo))
    precious = scratch / "precious/of the user"
    precious.mkdir(parents=True)
    trash = lab.workspaces_root / ".trash"
    trash.mkdir()
    (trash / "0123456789abcdef").symlink_to(precious.parent)
    codexlab(lab, "workspace", "gc", "--apply")
    assert precious.is_dir()
    assert len(list(trash.iterdir())) == 1


def test_a_record_that_names_another_issues_branch_is_not_believed(
    lab: Lab, source_repo: Path
) -> None:
    lab = replace(lab, cwd=source_repo)
    make_worktree(lab)
    git(source_repo, "branch", "codexlab/2/generic")
    place = workspace_of(lab, "1")
    change(place / ".codexlab/workspace.json", branch="codexlab/2/generic")
    codexlab(lab, "workspace", "remove", "--force", "1", "--agent", "generic")
    assert not place.exists()
    assert "codexlab/2/generic" in git(source_repo, "branch")


def test_transcripts_go_to_no_directory_that_is_no_home_of_codex(
    lab: Lab, source_repo: Path, scratch: Path
) -> None:
    make_worktree(replace(lab, cwd=source_repo))
    place, other = workspace_of(lab, "1"), scratch / "other"
    other.mkdir()
    (place / "codex-home/sessions").unlink()
    (place / "codex-home/sessions").mkdir()
    (place / "codex-home/sessions/planted").write_text("by the agent")
    change(place / ".codexlab/home.json", home=str(other))
    codexlab(lab, "workspace", "remove", "--force", "1", "--agent", "generic")
    assert list(other.iterdir()) == []


def test_transcripts_go_to_no_other_home_than_the_one_of_the_last_launch(
    lab: Lab, source_repo: Path, scratch: Path
) -> None:
    make_worktree(replace(lab, cwd=source_repo))
    place, other = workspace_of(lab, "1"), scratch / "other"
    other.mkdir()
    (other / "config.toml").touch()
    (place / "codex-home/sessions").unlink()
    (place / "codex-home/sessions").mkdir()
    day = "sessions/2026/01/01"
    kept = f"{day}/rollout-2026-01-01T00-00-00-01a1f940-9a01-7e93-93fe-6ef7791a84e5.jsonl"
    (place / "codex-home" / day).mkdir(parents=True)
    (place / "codex-home" / kept).write_text("a conversation")
    change(place / ".codexlab/home.json", home=str(other))
    codexlab(lab, "workspace", "remove", "--force", "1", "--agent", "generic")
    assert [path.name for path in other.iterdir()] == ["config.toml"]
    home = Path(lab.environ["CODEX_HOME"])
    assert (home / kept).read_text() == "a conversation"
