"""What a killed git left locked in our workdir is healed by the next launch, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab

pytestmark = pytest.mark.one_python

FLAGS = ["--issue", "25"]
WORK = [
    "sh",
    "-c",
    "echo 2 >g && git add g && git commit -qm two && git rev-parse --abbrev-ref HEAD",
]
OURS = ["index.lock", "HEAD.lock", "config.worktree.lock", "refs/bisect/bad.lock"]


def git_dir(lab: Lab) -> Path:
    return Path(git(lab.workspace / "workdir", "rev-parse", "--absolute-git-dir"))


def killed_with_lock(lab: Lab, name: str, *flags: str) -> None:
    """Let an agent leave a lock, and die."""
    script = f'd=$(git rev-parse --git-dir); mkdir -p "$(dirname "$d/{name}")"; touch "$d/{name}"'
    lab.run([*FLAGS, *flags], ["sh", "-c", f"{script}; kill -9 $$"])


@pytest.mark.parametrize("name", OURS)
def test_a_lock_that_a_killed_agent_left_stops_no_later_task(lab: Lab, name: str) -> None:
    killed_with_lock(lab, name)
    done = lab.run(FLAGS, WORK)
    assert (done.returncode, done.stdout) == (0, "codexlab/25/generic\n"), done.stderr
    (line,) = [line for line in done.stderr.splitlines() if ".lock" in line]
    assert name in line
    assert not (git_dir(lab) / name).exists()
    (aside,) = (git_dir(lab) / "codexlab-stale").iterdir()
    assert aside.name.endswith(Path(name).name)


def test_a_lock_on_our_branch_stops_no_later_task(lab: Lab) -> None:
    lab.run(FLAGS, ["true"])
    lock = lab.cwd / ".git/refs/heads/codexlab/25/generic.lock"
    lock.write_text("")
    done = lab.run(FLAGS, WORK)
    assert done.returncode == 0, done.stderr
    assert not lock.exists()
    assert git(lab.cwd, "fsck") == ""


def test_a_lock_on_a_branch_that_is_to_be_made_stops_no_first_task(lab: Lab) -> None:
    lock = lab.cwd / ".git/refs/heads/codexlab/25/generic.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("")
    assert lab.run(FLAGS, WORK).returncode == 0


def test_a_lock_in_a_plain_directory_of_ours_is_healed_too(lab: Lab) -> None:
    killed_with_lock(lab, "index.lock", "--no-repo")
    assert lab.run([*FLAGS, "--no-repo"], ["sh", "-c", "echo 1 >g; git add g"]).returncode == 0


def test_a_lock_that_somebody_has_open_stays(lab: Lab) -> None:
    lab.run(FLAGS, ["true"])
    lock = git_dir(lab) / "index.lock"
    with lock.open("w"):
        done = lab.run(FLAGS, WORK)
    assert done.returncode == 128
    assert lock.exists()


def test_locks_of_a_person_stay(lab: Lab) -> None:
    lab.run(FLAGS, ["true"])
    side = lab.cwd.parent / "side"
    git(lab.cwd, "worktree", "add", "-q", str(side))
    common = lab.cwd / ".git"
    locks = [common / name for name in ("index.lock", "HEAD.lock", "worktrees/side/index.lock")]
    for lock in (*locks, common / "refs/heads/main.lock"):
        lock.write_text("")
    lab.run(FLAGS, ["true"])
    lab.run(["--issue", "other"], ["true"], cwd=side)
    lab.run(["--issue", "third", "--workdir", str(lab.cwd)], ["true"])
    assert all(lock.exists() for lock in locks)
    assert (common / "refs/heads/main.lock").exists()


def test_a_pointer_that_an_agent_bent_moves_no_lock_of_a_person(lab: Lab) -> None:
    # Its workdir claims to be the main checkout.
    bend = f'echo "gitdir: {lab.cwd}/.git" >.git'
    lab.run(FLAGS, ["sh", "-c", bend])
    lock = lab.cwd / ".git/index.lock"
    lock.write_text("")
    lab.run(FLAGS, ["true"])
    assert lock.exists()


def test_a_link_in_the_place_of_what_is_set_aside_is_not_followed(lab: Lab, scratch: Path) -> None:
    lab.run(FLAGS, ["true"])
    target = scratch / "elsewhere"
    target.mkdir()
    os.symlink(target, git_dir(lab) / "codexlab-stale")
    killed_with_lock(lab, "index.lock")
    lab.run(FLAGS, ["true"])
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["packed-refs.lock", "shallow.lock", "refs/remotes/origin/main.lock"]
)
def test_a_lock_that_a_killed_fetch_left_in_a_cache_stops_no_later_task(
    lab: Lab, name: str
) -> None:
    url = ["--repo", f"file://{lab.cwd}"]
    assert lab.run(["--issue", "1", *url], ["true"]).returncode == 0
    (ready,) = Path(lab.environ["HOME"]).glob("**/codexlab-ready")
    lock = ready.parent / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("")
    (lab.cwd / "new").write_text("1")
    git(lab.cwd, "add", "new")
    git(lab.cwd, "commit", "-qm", "new")
    git(lab.cwd, "branch", "other")
    git(lab.cwd, "branch", "-m", "other", "another")
    done = lab.run(["--issue", "2", *url], ["test", "-e", "new"])
    assert (done.returncode, "could not be fetched" in done.stderr) == (0, False), done.stderr
    assert not lock.exists()
    assert name in done.stderr
    with lock.open("w"):
        lab.run(["--issue", "3", *url], ["true"])
    assert lock.exists()
