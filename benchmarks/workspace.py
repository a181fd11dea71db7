"""Measure what workspaces cost a launch, against their peers, in one run.

    python benchmarks/workspace.py [--scratch DIR] [--files 20000] [--workspaces 5000]

Reuse and heal of a healthy workspace is timed in milliseconds of our own time; preparing
a worktree against bare ``git worktree add`` on the same repository, in turn with it; the
list of workspaces in seconds, with the processor's share of it. Each is the best of several runs,
rivals taking turns: what lies above it is the disk's and other programs' work. Exit status 1
when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from own_places import own_places

from codexlab.kernel.process.identity import boot_id
from codexlab.workspace.claim.claim import claim_workspace
from codexlab.workspace.claim.run_history import prune_runs
from codexlab.workspace.claim.threads import stored_cargo_key
from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.gc.survey import survey_workspaces
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.owner import OwnerRecord
from codexlab.workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace
from codexlab.workspace.repository.project import default_project
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

_RECORD = OwnerRecord("r-1", 1, 1, boot_id(), "here", os.getuid(), None, "none", True, "now")


@dataclass(frozen=True)
class Figure:
    """One measured ratio or time and its goal."""

    what: str
    value: float
    goal: float
    detail: str

    def __str__(self) -> str:
        mark = "ok  " if self.value <= self.goal else "MISS"
        return f"{mark} {self.what:<52} {self.value:8.2f}  goal {self.goal:5.1f}  {self.detail}"


def git(where: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(where), *arguments], check=True, stdout=subprocess.DEVNULL)


def make_repository(place: Path, files: int) -> None:
    """Write a repository of many small files."""
    git(place.parent, "init", "--quiet", str(place))
    for number in range(files):
        path = place / f"d{number % 200:03}" / f"f{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{number}\n" * (number % 200))
    git(place, "add", ".")
    identity = ("-c", "user.name=Bench", "-c", "user.email=bench@example.invalid")
    git(place, *identity, "commit", "--quiet", "-m", "files")


def timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def launch(root: Path, repo: Path, home: Path, issue: str = "1") -> None:
    """Do what one launch does with a workspace, from start to release."""
    key = WorkspaceKey("bench", issue, "codex")
    paths = locate_workspace(root, key)
    start = inspect_checkout(repo)
    default_project(start)
    claim = claim_workspace(paths, key)
    prepare_workdir(claim, choose_workdir(start, paths))
    claim.write_owner(_RECORD)
    heal_codex_home(paths, home, writable_roots=["/cache"], exclude_names=["KEY"])
    stored_cargo_key(paths, lambda: "key")
    prune_runs(paths)
    claim.release()


def measure_reuse(scratch: Path, repo: Path) -> Figure:
    root, home = scratch / "reuse", scratch / "home"
    home.mkdir()
    (home / "auth.json").write_text("{}")
    (home / "config.toml").write_text('model = "m"\n')
    launch(root, repo, home)
    warm = [timed(lambda: launch(root, repo, home)) * 1e3 for _ in range(50)]
    code = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from workspace import launch, timed;"
        "print(timed(lambda: launch(*map(Path, sys.argv[2:]))) * 1e3)"
    )
    command = [sys.executable, "-P", "-c", code, os.path.dirname(__file__)]
    places = [str(root), str(repo), str(home)]
    cold = [float(subprocess.check_output([*command, *places])) for _ in range(9)]
    detail = f"ms, in a process that never did it; {min(warm):.2f} once warm"
    return Figure("reuse and heal of a healthy workspace", min(cold), 15.0, detail)


def measure_prepare(scratch: Path, repo: Path, rounds: int) -> Figure:
    ours: list[float] = []
    bare: list[float] = []
    for number in range(rounds):
        issue = f"prepare-{number}"
        key = WorkspaceKey("bench", issue, "codex")
        paths = locate_workspace(scratch / "prepare", key)

        def prepare(place: WorkspacePaths = paths, key: WorkspaceKey = key) -> None:
            claim = claim_workspace(place, key)
            prepare_workdir(claim, choose_workdir(inspect_checkout(repo), place))
            claim.release()

        plain = scratch / f"bare-{number}"

        def add(plain: Path = plain, issue: str = issue) -> None:
            git(repo, "worktree", "add", "--quiet", "-b", f"bare/{issue}", str(plain))

        for action, times in (
            ((prepare, ours), (add, bare)) if number % 2 else ((add, bare), (prepare, ours))
        ):
            times.append(timed(action))
        shutil.rmtree(plain)
        shutil.rmtree(paths.workdir)
    ratio = min(ours) / min(bare)
    detail = f"x; {min(ours):.2f} s against {min(bare):.2f} s"
    return Figure("worktree prepare against bare git worktree add", ratio, 1.3, detail)


def measure_list(scratch: Path, count: int) -> Figure:
    root = scratch / "many"
    for number in range(count):
        key = WorkspaceKey(f"project-{number % 20}", str(number), "codex")
        paths = locate_workspace(root, key)
        (paths.runs / "r-1").mkdir(parents=True)
        paths.lock.touch()
        paths.owner.write_text(json.dumps({"v": 1, **asdict(_RECORD)}))
        record = {"project": key.project, "issue": key.issue, "agent": key.agent}
        paths.provenance.write_text(json.dumps({"v": 1, "state": "ready", **record}))
        (paths.runs / "r-1/record.json").write_text('{"reason": "exited", "exit_status": 0}')
    found = survey_workspaces(root)
    assert len(found) == count
    assert all(survey.record for survey in found)
    seconds = min(timed(lambda: survey_workspaces(root)) for _ in range(5))
    code = "import sys; from codexlab.cli import command; sys.argv[0] = 'codexlab'; command()"
    command = [sys.executable, "-c", code, "workspace", "list", "--root", str(root)]
    walls: list[float] = []
    before = os.times()
    for _ in range(9):
        run = partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)
        walls.append(timed(run))
    after = os.times()
    used = after.children_user + after.children_system
    cpu = (used - before.children_user - before.children_system) / len(walls)
    detail = f"s, the whole command; {cpu:.2f} s of processor; {seconds:.2f} s reading"
    return Figure(f"workspace list over {count} workspaces", min(walls), 1.0, detail)


def measure_first_launch(scratch: Path, rounds: int, history: int) -> Figure | None:
    """Time the first real codex in a fresh home over a long shared history.

    Against the same in an empty home, in turn. None where codex is not installed.
    """
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from support.agents.codex import STUB_KEY, find_codex, write_codex_config
    from support.model.server import ModelServer, say
    from support.rollout.transcripts import make_rollout

    codex = find_codex()
    if codex is None:
        return None
    work = scratch / "work"
    git(scratch, "init", "--quiet", str(work))

    def execute(home: Path) -> None:
        environ = {**os.environ, "CODEX_HOME": str(home), "STUB_KEY": STUB_KEY}
        command = [str(codex), "exec", "--json", "task"]
        subprocess.run(
            command,
            cwd=work,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def ours(issue: str, shared: Path) -> None:
        key = WorkspaceKey("bench", issue, "codex")
        paths = locate_workspace(scratch / "first", key)
        claim = claim_workspace(paths, key)
        heal_codex_home(paths, shared)
        execute(paths.codex_home)
        claim.release()

    with ModelServer(lambda _: say("done")) as server:
        shared = scratch / "shared"
        write_codex_config(shared, server.url)
        for _ in range(history):
            make_rollout(shared, cwd=work)
        execute(shared)
        fresh: list[float] = []
        empty: list[float] = []
        for number in range(rounds):
            bare = scratch / f"empty-{number}"
            write_codex_config(bare, server.url)
            fresh.append(timed(partial(ours, f"first-{number}", shared)))
            empty.append(timed(partial(execute, bare)))
    ratio = min(fresh) / min(empty)
    detail = f"x; {min(fresh):.2f} s against {min(empty):.2f} s"
    return Figure(
        f"first codex over {history:,} shared rollouts, heal included", ratio, 1.2, detail
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what workspaces cost.")
    parser.add_argument("--scratch", type=Path, help="a directory on the filesystem to measure")
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--workspaces", type=int, default=5_000)
    parser.add_argument("--history", type=int, default=3000, help="rollouts there before")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with own_places(options.scratch) as scratch:
        repo = scratch / "repo"
        make_repository(repo, options.files)
        figures = [
            measure_reuse(scratch, repo),
            measure_prepare(scratch, repo, options.rounds),
            measure_list(scratch, options.workspaces),
            measure_first_launch(scratch, options.rounds, options.history),
        ]
    measured = [figure for figure in figures if figure is not None]
    for figure in measured:
        print(figure)
    if len(measured) < len(figures):
        print("codex is not installed (scripts/install-agents): its first launch was not measured")
    return int(any(figure.value > figure.goal for figure in measured))


if __name__ == "__main__":
    sys.exit(main())
