"""kill -9 at every step of preparing and healing, the steps found by tracing.

By default every fifth step is tried; ``CODEXLAB_EVERY_STEP=1`` tries them all (two minutes).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.commands import program

from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.gc.killed_removals import empty_trash
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

STRIDE = 1 if os.environ.get("CODEXLAB_EVERY_STEP") else 5
KEY = WorkspaceKey("shop", "123", "codex")
CHANGING = (
    "mkdir,mkdirat,rename,renameat,renameat2,symlinkat,link,linkat,unlink,unlinkat,rmdir,"
    "write,pwrite64,fsync,fdatasync,ftruncate,fchmod,flock,vfork,clone"
)
LAUNCH = program("launch_step_by_step")
REMOVE = program("removal_step_by_step")
MERGE = program("merge_step_by_step")
GIT = """#!/bin/sh
case "$*" in
*"worktree add"*) exec strace -f -qq -o {trace} -e "$(cat {inject})" {git} "$@" ;;
*) exec {git} "$@" ;;
esac
"""


@dataclass(frozen=True)
class Place:
    """Everything one launch touches, in a directory of its own."""

    base: Path

    @property
    def repo(self) -> Path:
        return self.base / "repo"

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def paths(self) -> WorkspacePaths:
        return locate_workspace(self.base / "workspaces", KEY)


@pytest.fixture
def fresh(tmp_path: Path, make_repo: Callable[..., Path]) -> Callable[[], Place]:
    template = make_repo("template", commits=2)

    def make() -> Place:
        place = Place(tmp_path / "place")
        shutil.rmtree(place.base, ignore_errors=True)
        # What an earlier launch made there would spare this one some steps.
        shutil.rmtree(Path.home() / ".local", ignore_errors=True)
        shutil.copytree(template, place.repo)
        place.home.mkdir()
        (place.home / "auth.json").write_text("{}")
        (place.home / "AGENTS.md").write_text("x")
        (place.home / "config.toml").write_text('model = "m"\n')
        database = sqlite3.connect(place.home / "state_5.sqlite")
        # The table by which codex's own databases are told.
        database.execute("create table _sqlx_migrations (version)")
        database.execute("create table t (x)")
        database.close()
        return place

    return make


def launch(place: Place, *before: str, code: str = LAUNCH, **environ: str) -> int:
    command = [*before, sys.executable, "-c", code, str(place.base), str(place.repo)]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, check=False, timeout=60
    )
    return done.returncode


def steps(trace: Path) -> Iterator[tuple[str, int]]:
    """Yield (system call, how often it was made by then) after the launch's beginning."""
    seen: Counter[str] = Counter()
    begun = False
    lines = trace.read_text(errors="replace").splitlines()
    ours = lines[0].split()[0]
    for line in lines:
        begun = begun or "/the/launch/begins/here" in line
        if match := re.match(rf"{ours} +(\w+)\(", line):
            seen[match[1]] += 1
            if begun and match[1] in CHANGING.split(","):
                yield match[1], seen[match[1]]


def wait_until_dead_processes_let_go(paths: WorkspacePaths) -> None:
    """An orphan of a killed git drops its lock a moment after its parent is gone."""
    with contextlib.suppress(FileNotFoundError), open(paths.lock) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def check(place: Place, git: Callable[..., str], where: object) -> None:
    """Launch again and look at everything."""
    paths = place.paths
    rollouts = {path.name for path in paths.codex_home.glob("sessions/*.jsonl")}
    rollouts |= {path.name for path in place.home.glob("sessions/*.jsonl")}
    wait_until_dead_processes_let_go(paths)
    claim = claim_workspace(paths, KEY)
    workdir = prepare_workdir(claim, choose_workdir(inspect_checkout(place.repo), paths))
    heal_codex_home(paths, place.home, writable_roots=["/cache"])
    assert heal_codex_home(paths, place.home, writable_roots=["/cache"]).healthy, where
    claim.release()
    assert git(workdir.path, "status", "--porcelain") == "", where
    git(workdir.path, "commit", "-q", "--allow-empty", "-m", "the branch can be written")
    assert git(place.repo, "worktree", "list").count("codexlab/123/codex") == 1, where
    found = sorted(path.name for path in workdir.path.iterdir())
    assert found == [".git", "file0.txt", "file1.txt"], where
    config = tomllib.loads((paths.codex_home / "config.toml").read_text())
    assert config["sandbox_workspace_write"]["writable_roots"] == ["/cache"], where
    assert (paths.codex_home / "sessions").readlink() == place.home / "sessions", where
    for rollout in (place.home / "sessions").iterdir():
        assert rollout.read_text() in ("", rollout.stem.removeprefix("rollout-")), where
    assert {path.name for path in (place.home / "sessions").iterdir()} >= rollouts, where
    leftovers = [
        path
        for top in (paths.root, place.home)
        for path in top.rglob("*")
        if path.name.endswith((".tmp", ".link")) or ".aside" in path.name
    ]
    assert leftovers == [], where


def test_killed_at_every_step_of_ours_the_next_launch_is_whole(
    fresh: Callable[[], Place], tmp_path: Path, git: Callable[..., str]
) -> None:
    trace = tmp_path / "trace"
    place = fresh()
    strace = ("strace", "-f", "--seccomp-bpf", "-qq", "-o", str(trace), "-e")
    assert launch(place, *strace, f"trace={CHANGING},stat,newfstatat") == 0
    points = list(steps(trace))
    assert len(points) > 50
    killed = 0
    for call, count in points[::STRIDE]:
        place = fresh()
        inject = f"inject={call}:signal=KILL:when={count}"
        killed += launch(place, *strace, inject) == -9
        check(place, git, (call, count))
    assert killed > len(points) // STRIDE * 0.8  # at others a git of ours comes first


def test_killed_at_every_step_of_a_removal_the_workspace_is_whole_or_gone(
    fresh: Callable[[], Place], tmp_path: Path, git: Callable[..., str]
) -> None:
    trace = tmp_path / "trace"
    place = fresh()
    assert launch(place) == 0
    strace = ("strace", "-f", "--seccomp-bpf", "-qq", "-o", str(trace), "-e")
    assert launch(place, *strace, f"trace={CHANGING},stat,newfstatat", code=REMOVE) == 0
    points = list(steps(trace))
    assert len(points) > 30
    for call, count in points[::STRIDE]:
        place = fresh()
        launch(place)
        inject = f"inject={call}:signal=KILL:when={count}"
        launch(place, *strace, inject, code=REMOVE)
        wait_until_dead_processes_let_go(place.paths)
        where = (call, count)
        assert (place.home / "sessions/rollout-one.jsonl").read_text() == "one", where
        if place.paths.root.exists():
            assert git(place.paths.workdir, "status", "--porcelain") == "", where
            assert launch_again(place) == "worktree", where
        empty_trash(place.paths.base)
        trash = place.paths.base / ".trash"
        assert not trash.exists() or list(trash.iterdir()) == [], where
        registered = git(place.repo, "worktree", "list").count("codexlab/123/codex")
        assert registered == place.paths.root.exists(), where
        assert launch_again(place) == "worktree", where
        assert git(place.repo, "worktree", "list").count("codexlab/123/codex") == 1, where


def test_killed_at_every_step_of_a_merge_the_config_is_one_or_the_other(
    fresh: Callable[[], Place], tmp_path: Path
) -> None:
    trace = tmp_path / "trace"

    def edited() -> Place:
        place = fresh()
        assert launch(place) == 0
        config = place.paths.codex_home / "config.toml"
        config.write_text(config.read_text() + "[tui]\nx = 1 # mine\n")
        (place.home / "config.toml").write_text('model = "newer"\n')
        return place

    place = edited()
    strace = ("strace", "-f", "--seccomp-bpf", "-qq", "-o", str(trace), "-e")
    assert launch(place, *strace, f"trace={CHANGING},stat,newfstatat", code=MERGE) == 0
    points = list(steps(trace))
    assert len(points) > 10
    for call, count in points[::STRIDE]:
        place = edited()
        launch(place, *strace, f"inject={call}:signal=KILL:when={count}", code=MERGE)
        wait_until_dead_processes_let_go(place.paths)
        assert launch(place, code=MERGE) == 0
        text = (place.paths.codex_home / "config.toml").read_text()
        assert "x = 1 # mine" in text, (call, count)
        assert tomllib.loads(text)["model"] == "newer", (call, count)
        assert tomllib.loads(text)["sandbox_workspace_write"]["network_access"] is True


def launch_again(place: Place) -> str:
    claim = claim_workspace(place.paths, KEY)
    workdir = prepare_workdir(claim, choose_workdir(inspect_checkout(place.repo), place.paths))
    claim.release()
    return workdir.kind


@pytest.mark.parametrize("survivor", ["launch", "nobody"])
def test_git_killed_at_every_step_of_adding_a_worktree_leaves_nothing_half_made(
    survivor: str,
    fresh: Callable[[], Place],
    tmp_path: Path,
    git: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With ``nobody`` the launch dies in the same moment as git."""
    wrapper, trace, injected = tmp_path / "bin/git", tmp_path / "trace", tmp_path / "inject"
    wrapper.parent.mkdir()
    wrapper.write_text(GIT.format(git=shutil.which("git"), trace=trace, inject=injected))
    wrapper.chmod(0o755)
    place = fresh()
    path = f"{wrapper.parent}:{os.environ['PATH']}"

    def run(inject: str) -> int:
        injected.write_text(inject)
        return launch(place, PATH=path)

    assert run(f"trace={CHANGING},openat") == 0
    points = sorted(set(git_steps(trace)))
    assert len(points) > 20
    for call, count in points[::STRIDE]:
        place = fresh()
        if survivor == "launch":
            run(f"inject={call}:signal=KILL:when={count}")
        else:
            injected.write_text(f"inject={call}:signal=STOP:when={count}")
            kill_all_at(place, path, trace)
        check(place, git, (call, count))


def git_steps(trace: Path) -> Iterator[tuple[str, int]]:
    """Yield (system call, count) for each process of a trace: strace counts per process."""
    seen: Counter[tuple[str, str]] = Counter()
    for line in trace.read_text(errors="replace").splitlines():
        if match := re.match(r"(\d+) +(\w+)\(", line):
            seen[match[1], match[2]] += 1
            if match[2] != "openat" or "O_CREAT" in line:
                yield match[2], seen[match[1], match[2]]


def kill_all_at(place: Place, path: str, trace: Path) -> None:
    """Stop the first git process that comes to a step, then kill the whole launch."""
    trace.unlink()
    os.mkfifo(trace)
    command = [sys.executable, "-c", LAUNCH, str(place.base), str(place.repo)]
    environ = {**os.environ, "PATH": path}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    pids: set[int] = set()
    with open(trace) as lines:
        for line in lines:
            pids.add(int(line.split()[0]))
            if "stopped by SIGSTOP" in line:
                break
        for pid in (process.pid, *pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        lines.read()  # strace has closed its end, so all it traced are gone
    trace.unlink()
    trace.touch()
