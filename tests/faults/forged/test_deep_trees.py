"""An agent's trees and texts deeper than a stack brick neither its issue nor a command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.agents.codex import Codex
from support.commands import CODEXLAB, run_to_end
from support.lab import Lab
from support.model.server import ModelFactory
from support.model.turns import run_command, say

FLAGS = ["--issue", "1", "--no-repo"]
DIG = "import os; [(os.mkdir('d'), os.chdir('d')) for _ in range({depth})]; open('f', 'w').close()"
COMMANDS = (
    ("workspace", "show", "1"),
    ("workspace", "gc", "--idle", "0s"),
    ("workspace", "heal", "1"),
    ("workspace", "list"),
    ("ps", "--all"),
    ("reap",),
)


def dig(depth: int) -> str:
    return f'{sys.executable} -c "{DIG.format(depth=depth)}"'


def codexlab(environ: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    done = run_to_end([CODEXLAB, *words], environ)
    assert "Traceback" not in done.stderr, (words, done.stderr)
    return done


def run(lab: Lab, agent: str, script: str) -> subprocess.CompletedProcess[str]:
    done = lab.run([*FLAGS, "--agent", agent], ["sh", "-c", script])
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("depth", [1_100, 5_000])
def test_a_deep_temp_directory_ends_with_its_run(lab: Lab, depth: int) -> None:
    done = run(lab, "generic", f"cd $TMPDIR; {dig(depth)}; exit 7")
    assert done.returncode == 7, done.stderr
    (record,) = lab.records
    assert (record["reason"], record["contained"]["proven"]) == ("exited", True)
    assert not os.path.lexists(record["temporary"])
    for words in COMMANDS:
        assert codexlab(lab.environ, *words).returncode == 0, words
    assert run(lab, "generic", "true").returncode == 0
    assert codexlab(lab.environ, "workspace", "remove", "1", "--force").returncode == 0


def test_a_deep_temp_directory_made_in_codexs_sandbox_ends_with_its_run(
    lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    model([run_command(f"cd $TMPDIR; {dig(1_100)}; echo dug"), say("done")])
    command = [str(codex.native), "exec", "-s", "workspace-write", "--json", "dig"]
    done = lab.run(FLAGS, command)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    (record,) = lab.records
    assert not os.path.lexists(record["temporary"])


@pytest.mark.parametrize("store", ["sessions", "archived_sessions"])
def test_a_deep_directory_in_a_stores_place_is_kept_aside_and_goes_with_the_workspace(
    lab: Lab, shared_home: Path, store: str
) -> None:
    script = f"cd $CODEX_HOME; rm {store}; mkdir {store}; cd {store}; {dig(3_000)}"
    assert run(lab, "codex", script).returncode == 0
    for words in COMMANDS:
        assert codexlab(lab.environ, *words).returncode == 0, words
    assert run(lab, "codex", "true").returncode == 0
    home = lab.workspace / "codex-home"
    assert (home / store).is_symlink()
    assert (home / f"{store}.aside-1").is_dir()
    assert len(list(shared_home.joinpath(store).rglob("*"))) < 10
    kept = codexlab(lab.environ, "workspace", "remove", "1")
    assert (kept.returncode, "kept aside" in kept.stderr) == (125, True)
    assert codexlab(lab.environ, "workspace", "remove", "1", "--force").returncode == 0
    assert not home.exists()


@pytest.mark.parametrize("depth", [980, 5_000])
def test_deep_references_of_a_worktree_cost_its_issue_nothing(lab: Lab, depth: int) -> None:
    flags = ["--issue", "1", "--agent", "generic"]
    script = f'g="$(git rev-parse --git-dir)/refs/w"; mkdir -p "$g" && cd "$g" && {dig(depth)}'
    assert lab.run(flags, ["sh", "-c", script]).returncode == 0
    again = lab.run(flags, ["git", "status"])
    assert (again.returncode, "Traceback" in again.stderr) == (0, False), again.stderr
    for words in COMMANDS:
        assert codexlab(lab.environ, *words).returncode == 0, words
    removed = codexlab(lab.environ, "workspace", "remove", "1", "--force")
    assert removed.returncode == 0, removed.stderr
    # What is left of it would be too deep for the end of this test.
    assert not list(lab.cwd.glob(".git/worktrees/*/refs/w/d"))


def test_deep_transcripts_of_an_issues_own_are_a_finding(lab: Lab) -> None:
    flags = [*FLAGS, "--agent", "codex", "--sessions", "issue"]
    script = f"cd $CODEX_HOME/sessions; {dig(3_000)}"
    assert lab.run(flags, ["sh", "-c", script]).returncode == 0
    shown = codexlab(lab.environ, "workspace", "show", "1")
    assert "transcripts of its own in codex-home/sessions" in shown.stdout
    assert codexlab(lab.environ, "workspace", "remove", "1", "--force").returncode == 0


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "[" * 400 + "]" * 400])
def test_a_deep_configuration_is_one_line(lab: Lab, text: str) -> None:
    (lab.cwd / "deep").write_text(text)
    assert run(lab, "codex", f"cp {lab.cwd}/deep $CODEX_HOME/config.toml").returncode == 0
    for done in (run(lab, "codex", "true"), codexlab(lab.environ, "workspace", "heal", "1")):
        assert done.returncode in (0, 125)
        assert len(done.stderr.splitlines()) <= 2, done.stderr
    healed = codexlab(lab.environ, "workspace", "heal", "1", "--merge")
    assert healed.returncode in (0, 125)
    assert codexlab(lab.environ, "workspace", "remove", "1", "--force").returncode == 0


def test_a_deep_record_hides_no_run_and_no_workspace(lab: Lab) -> None:
    record = "$CODEXLAB_RUN_WORKDIR/../.codexlab"
    deep = f"{sys.executable} -c \"print('{{\\\"reason\\\":' + '['*100000)\""
    names = ("owner.json", "workspace.json", "threads.json", "home.json")
    for number, name in enumerate(names):
        lab.run(["--issue", f"1{number}", "--no-repo"], ["sh", "-c", f"{deep} >{record}/{name}"])
    assert lab.run(["--issue", "2", "--no-repo"], ["true"]).returncode == 0
    listed = codexlab(lab.environ, "workspace", "list")
    assert len(listed.stdout.splitlines()) == 2 + len(names)
    for words in COMMANDS[1:]:
        codexlab(lab.environ, *(word.replace("1", "11") for word in words))
    for number in range(len(names)):
        again = lab.run(["--issue", f"1{number}", "--no-repo"], ["true"])
        assert (again.returncode, "Traceback" in again.stderr) == (0, False), again.stderr


def test_a_deep_line_of_the_agents_stream_tells_nothing_and_ends_nothing(lab: Lab) -> None:
    stream = f"{sys.executable} -c \"print('{{' + '\\\"a\\\":['*100000); print('out')\""
    flags = [*FLAGS, "--agent", "codex"]
    done = lab.run(flags, ["sh", "-c", stream, "codex", "--json"])
    assert (done.returncode, done.stdout.endswith("out\n")) == (0, True), done.stderr
