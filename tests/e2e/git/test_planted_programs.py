"""Whatever an agent leaves behind for git, no command of ours starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.git import planted
from support.git.repositories import git
from support.git.users import write_users_config
from support.lab import Lab
from support.users.callers import KINDS, Caller, caller_named, place_for

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python


def assert_nothing_ran(witness: Path, what: object) -> None:
    ran = witness / "ran"
    text = ran.read_text() if ran.exists() else ""
    assert text == "", (what, text)


COMMANDS = (
    ("workspace", "show", "1"),
    ("workspace", "list"),
    ("workspace", "gc", "--idle", "0s"),
    ("diff", "1"),
    ("diff", "1", "--json"),
    ("run", "--issue", "1", "--dry-run", "--", "true"),
    ("env", "explain", "--", "true"),
    ("artifacts", "status"),
    ("reap",),
)
ENDINGS = (
    ("workspace", "gc", "--idle", "0s", "--apply"),
    ("workspace", "remove", "1"),
    ("workspace", "remove", "1", "--force"),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places", planted.GROUPS)
def test_no_command_of_ours_starts_what_an_agent_planted(
    places: str, kind: str, caller: Caller
) -> None:
    if places == "commondir" and kind == "plain":
        pytest.skip("a repository of its own has no commondir")
    flags, cwd = place_for(caller, kind)
    witness = caller.home / "witness"
    made = caller.launch(flags, "sh", "-c", PLAIN if kind == "plain" else "true", cwd=cwd)
    assert made.returncode == 0, made.stderr
    plant(caller, places, flags, cwd, witness)
    assert (witness / "planted").read_text() == places
    assert_nothing_ran(witness, "the planting run")
    for command in COMMANDS:
        said = caller.codexlab(*command, cwd=cwd)
        assert "Traceback" not in said.stderr, said.stderr
        assert_nothing_ran(witness, command)
    for words in (["true"], ["true"]):
        again = caller.launch(flags, *words, cwd=cwd)
        assert "Traceback" not in again.stderr, again.stderr
        assert_nothing_ran(witness, "the next launches")
    for ending in ENDINGS:
        said = caller.codexlab(*ending, cwd=cwd)
        assert "Traceback" not in said.stderr, said.stderr
        assert_nothing_ran(witness, ending)


HOME_GOING = {
    ("commit", "1"): 0,
    ("merge", "1"): 125,  # both sides changed a file, for which attributes name a driver
    ("merge", "1", "--into", "other"): 0,
    ("merge", "1", "--into", "side"): 0,
    ("merge", "1", "--into", "side", "--squash"): 0,
    ("push", "1", "--remote", "evil"): 125,  # a helper program
    ("push", "1", "--remote", "home"): 0,
}


@pytest.mark.parametrize("kind", ["worktree", "linked"])
@pytest.mark.parametrize("places", planted.GROUPS)
def test_bringing_work_home_starts_nothing_that_an_agent_planted(
    places: str, kind: str, lab: Lab, scratch: Path, request: pytest.FixtureRequest
) -> None:
    caller = caller_named("root", request, lab, scratch)
    write_users_config(lab)
    flags, cwd = place_for(caller, kind)
    witness = caller.home / "witness"
    assert caller.launch(flags, "true", cwd=cwd).returncode == 0
    prepare_branches(caller.home / "repo", caller.home / "side")
    prepare_remote(caller.home, witness)
    plant(caller, places, flags, cwd, witness)
    for each in HOME_GOING:
        assert bring_home(caller, each, cwd, witness) == 125
    # Filters that only the repository names are refused; all else of what was planted is not.
    workdir = Path(caller.codexlab("workspace", "path", "1", cwd=cwd).stdout.strip())
    for rules in (workdir / ".gitattributes", caller.home / "repo/.git/info/attributes"):
        rules.write_text("* diff=evil merge=evil\n")
    for each, status in HOME_GOING.items():
        expected = 125 if places in ("commondir", "pointer") else status
        if "promisor" in places and each[0] in ("merge", "push"):
            expected = 125  # a commit is lost
        assert bring_home(caller, each, cwd, witness) == expected


def prepare_branches(repo: Path, side: Path) -> None:
    """Make a branch without a checkout, one with a checkout, and a change on the user's own."""
    git(repo, "branch", "other")
    git(repo, "worktree", "add", "-q", "-b", "side", str(side))
    for place, name in ((side, "side.txt"), (repo, "README.md")):
        (place / name).write_text("mine\n")
        git(place, "add", name)
        git(place, "commit", "-q", "-m", "mine")


def prepare_remote(home: Path, witness: Path) -> None:
    """Make a repository on this machine whose hooks somebody wrote."""
    git(home, "init", "-q", "--bare", "home.git")
    git(home / "repo", "remote", "add", "home", str(home / "home.git"))
    (home / "home.git/hooks").mkdir(exist_ok=True)
    for name in planted.HOOKS:
        hook = home / "home.git/hooks" / name
        hook.write_text(f"#!/bin/sh\necho receiving {name} >>{witness}/ran\n")
        hook.chmod(0o755)


def bring_home(caller: Caller, command: tuple[str, ...], cwd: Path, witness: Path) -> int:
    said = caller.codexlab(*command, cwd=cwd)
    assert "Traceback" not in said.stderr, said.stderr
    assert_nothing_ran(witness, command)
    return said.returncode


def plant(caller: Caller, places: str, flags: list[str], cwd: Path, witness: Path) -> None:
    """Let an agent plant; an ordinary user's cannot start our interpreter, so he himself does."""
    words = [sys.executable, planted.__file__, places, str(witness)]
    if caller.home.name == "nobody":
        workdir = caller.codexlab("workspace", "path", "1", cwd=cwd).stdout.strip()
        done = caller.run(words, cwd=Path(workdir))
    else:
        done = caller.launch(flags, *words, cwd=cwd)
    assert done.returncode == 0, done.stderr


PLAIN = (
    "git config user.name agent && git config user.email agent@localhost && echo 1 >README.md"
    " && git add . && git commit -qm one"
    " && git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub"
    " && git commit -qm two && mkdir -p sub"
)


def test_every_way_names_the_page_it_comes_from() -> None:
    for key, value, page in planted.WAYS:
        assert "." in key
        assert value
        assert page.endswith((")", ".txt"))
