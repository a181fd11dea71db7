"""What a --git-write agent changed to lead git elsewhere is put back even if its run was killed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab
from support.processes.killing import kill_at_once

pytestmark = pytest.mark.one_python

PLANT = """
entry=$(git rev-parse --path-format=absolute --git-dir)
common=$(git rev-parse --path-format=absolute --git-common-dir)
mkdir .copy && ln -s "$common/objects" "$common/refs" .copy/ && cp "$common/config" .copy/
git config -f .copy/config core.fsmonitor "$0"
git config -f "$entry/config.worktree" core.fsmonitor "$0"
echo "$PWD/.copy" >"$entry/commondir"
echo planted && exec sleep 161.9
"""


@dataclass(frozen=True, slots=True)
class Crashed:
    """A workdir whose run was killed after its agent had planted.

    :param program: what git would start; it leaves a trace.
    """

    lab: Lab
    workdir: Path
    repo: Path
    program: Path
    start: Path

    def launch(self) -> subprocess.CompletedProcess[str]:
        return self.lab.run(["--issue", "1"], ["true"], cwd=self.start)

    def codexlab(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.lab.codexlab(*words, cwd=self.repo)

    def status_starts_it(self) -> bool:
        """Tell whether the user's own git starts the program."""
        trace = self.program.with_name("ran")
        trace.unlink(missing_ok=True)
        subprocess.run(["git", "status"], cwd=self.workdir, capture_output=True, check=False)
        return trace.exists()


@pytest.fixture(params=["worktree", "linked"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[["supervisor"], ["guardian", "supervisor"]], ids="+".join)
def crashed(
    request: pytest.FixtureRequest, lab: Lab, scratch: Path, kind: str
) -> Iterator[Crashed]:
    program = scratch / "evil"
    program.write_text(f"#!/bin/sh\ntouch {scratch}/ran\n")
    program.chmod(0o755)
    git(lab.cwd, "config", "extensions.worktreeConfig", "true")
    repo = start = lab.cwd
    if kind == "linked":
        start = scratch / "linked"
        git(lab.cwd, "worktree", "add", "-q", "-b", "mine", str(start))
    there = Lab(lab.program, lab.environ, start, lab.workspaces_root)
    with there.started(["--issue", "1", "--git-write"], ["sh", "-c", PLANT, str(program)]) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"planted\n"
        kill_at_once(*(getattr(run, victim) for victim in request.param))
        run.process.wait(timeout=30)
        workdir = start if kind == "linked" else lab.workspace / "workdir"
        crash = Crashed(lab, workdir, repo, program, start)
        assert crash.status_starts_it()
        yield crash


def test_reap_puts_it_back(crashed: Crashed) -> None:
    assert "would" in crashed.codexlab("reap", "--dry-run").stdout
    assert crashed.status_starts_it()
    done = crashed.codexlab("reap")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("was changed by the run and is put back") == 2
    assert not crashed.status_starts_it()
    assert crashed.codexlab("reap").stdout == ""
    again = crashed.launch()
    assert again.returncode == 0, again.stderr


def test_the_next_launch_puts_it_back_or_names_what_does(crashed: Crashed, kind: str) -> None:
    done = crashed.launch()
    if kind == "linked":
        # The project, and so the workspace, is told by what the agent changed.
        assert done.returncode == 125
        assert "codexlab reap" in done.stderr
        assert crashed.codexlab("reap").returncode == 0
        done = crashed.launch()
    else:
        assert done.stderr.count("was changed by the run and is put back") == 2
    assert done.returncode == 0, done.stderr
    assert not crashed.status_starts_it()


def test_show_names_a_remedy_that_works(crashed: Crashed) -> None:
    shown = json.loads(crashed.codexlab("workspace", "show", "1", "--json").stdout)[0]
    assert "'codexlab reap' puts it back" in shown["git"]
    crashed.codexlab("reap")
    shown = json.loads(crashed.codexlab("workspace", "show", "1", "--json").stdout)[0]
    assert shown["git"]["branch"]
    assert not crashed.status_starts_it()


def test_a_removal_puts_it_back(crashed: Crashed, kind: str) -> None:
    refused = crashed.codexlab("workspace", "remove", "1")
    if "reap" in refused.stderr:
        crashed.codexlab("reap")
    crashed.codexlab("workspace", "remove", "1", "--force")
    assert not list(crashed.lab.workspaces_root.glob("*/*/*/.codexlab"))
    if kind == "linked":
        assert not crashed.status_starts_it()
    left = Path(crashed.lab.environ["XDG_STATE_HOME"], "codexlab/workdirs")
    assert not list(left.glob("*.git.json"))


def test_a_commondir_changed_without_a_record_names_a_remedy_that_works(
    lab: Lab,
) -> None:
    evil = 'echo /nowhere >"$(git rev-parse --git-dir)/commondir"'
    assert lab.run(["--issue", "1"], ["sh", "-c", evil]).returncode == 0
    done = lab.run(["--issue", "1"], ["true"])
    assert done.returncode == 125
    remedy = done.stderr.rpartition("run '")[2].strip().removesuffix("'")
    subprocess.run(["sh", "-c", remedy], check=True, cwd="/", env={"PATH": os.environ["PATH"]})
    done = lab.run(["--issue", "1"], ["git", "status", "--short"])
    assert done.returncode == 0, done.stderr
