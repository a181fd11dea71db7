"""``workspace remove``, ``show`` and ``heal`` take several issues, and none stops the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import CODEXLAB, codexlab
from support.git.repositories import make_repository

from codexlab.workspace.claim.claim import Claim, claim_workspace
from codexlab.workspace.git.checkout import inspect_checkout
from codexlab.workspace.paths import WorkspaceKey, locate_workspace
from codexlab.workspace.workdir.plan import choose_workdir
from codexlab.workspace.workdir.prepare import prepare_workdir

Call = Callable[..., subprocess.CompletedProcess[str]]


def open_workspace(root: Path, issue: str, repo: Path, agent: str = "codex") -> Claim:
    key = WorkspaceKey("shop", issue, agent)
    paths = locate_workspace(root, key)
    claim = claim_workspace(paths, key)
    prepare_workdir(claim, choose_workdir(inspect_checkout(repo), paths))
    return claim


@pytest.fixture
def root(scratch: Path) -> Path:
    """Return a root with the workspaces of 1, 2 and 3, of which 2 holds work."""
    place, repo = scratch / "workspaces", make_repository(scratch / "repo")
    for issue in "123":
        open_workspace(place, issue, repo).release()
    (place / "shop/2/codex/workdir/new").write_text("x")
    return place


@pytest.fixture
def environ(root: Path, scratch: Path) -> dict[str, str]:
    own = {"CODEXLAB_WORKSPACES_ROOT": str(root), "CODEX_HOME": str(scratch / "shared")}
    return {**os.environ, **own}


@pytest.fixture
def call(environ: dict[str, str]) -> Call:
    return lambda *words: codexlab(environ, "workspace", *words)


def test_remove_goes_on_after_an_issue_that_fails(root: Path, call: Call) -> None:
    done = call("remove", "1", "2", "nosuch", "3")
    assert done.returncode == 125
    assert [line for line in done.stdout.splitlines() if line.startswith("removed")] == [
        f"removed {root}/shop/{issue}/codex" for issue in "13"
    ]
    work, unknown = done.stderr.splitlines()
    assert work.startswith("codexlab: issue 2: ")
    assert "uncommitted changes; nothing was deleted, --force" in work
    assert unknown == (
        f"codexlab: issue nosuch: no workspace below {root}; see codexlab workspace list"
    )
    assert [path.name for path in (root / "shop").iterdir()] == ["2"]


def test_remove_prints_an_array_of_what_went(root: Path, call: Call) -> None:
    done = call("remove", "3", "2", "--json")
    assert done.returncode == 125
    (gone,) = json.loads(done.stdout)
    assert (gone["issue"], gone["path"]) == ("3", f"{root}/shop/3/codex")
    assert (gone["branch"], gone["transcripts_moved"]) == ("codexlab/3/codex", 0)
    alone = call("remove", "1", "--json")
    assert [each["issue"] for each in json.loads(alone.stdout)] == ["1"]


def test_an_issue_named_twice_is_removed_once(root: Path, call: Call) -> None:
    done = call("remove", "1", "1", "3", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (root / "shop/1").exists()


def test_show_prints_all_workspaces_in_the_order_typed(call: Call) -> None:
    done = call("show", "3", "nosuch", "1", "--json")
    assert done.returncode == 125
    assert [each["issue"] for each in json.loads(done.stdout)] == ["3", "1"]
    (line,) = done.stderr.splitlines()
    assert "issue nosuch" in line
    lines = call("show", "2", "1").stdout.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("issue ")] == ["2", "1"]


def test_heal_goes_on_after_a_busy_issue_and_names_each(
    root: Path, scratch: Path, call: Call
) -> None:
    held = open_workspace(root, "1", scratch / "repo")
    done = call("heal", "1", "2", "3", "--json")
    held.release()
    assert done.returncode == 125
    assert [each["issue"] for each in json.loads(done.stdout)] == ["2", "3"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("codexlab: issue 1: ")
    assert call("heal", "2", "3").stdout == "2: healthy\n3: healthy\n"
    assert "created" in json.loads(call("heal", "3", "--json").stdout)


def test_an_issue_of_two_agents_is_named_and_the_others_go_on(
    root: Path, scratch: Path, call: Call
) -> None:
    open_workspace(root, "1", scratch / "repo", "claude").release()
    done = call("remove", "1", "3")
    assert done.returncode == 125
    assert "issue 1: several workspaces (shop/claude, shop/codex)" in done.stderr
    assert not (root / "shop/3").exists()
    assert (root / "shop/1/codex/workdir").is_dir()


@pytest.mark.parametrize("verb", ["remove", "show", "heal"])
def test_no_issue_at_all_is_one_line(verb: str, call: Call) -> None:
    done = call(verb)
    assert done.returncode == 125
    assert done.stderr == (
        f"codexlab: Missing argument 'ISSUE...'; see codexlab workspace {verb} --help\n"
    )


def test_a_signal_during_the_hook_ends_the_rest(
    root: Path, scratch: Path, environ: dict[str, str]
) -> None:
    started = scratch / "started"
    os.mkfifo(started)
    hook = f"echo >{started}; exec sleep 60"
    words = [str(CODEXLAB), "workspace", "remove", "1", "3", "--hook-before-remove", hook]
    with subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, text=True) as program:
        started.read_text()
        program.send_signal(signal.SIGTERM)
        _, told = program.communicate(timeout=30)
    assert program.returncode == 143
    assert "cancelled by SIGTERM during hook before_remove" in told
    assert (root / "shop/3").exists()
