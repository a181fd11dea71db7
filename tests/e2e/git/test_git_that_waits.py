"""No command of ours waits for a git that waits for what an agent planted: it is told in a line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.users.callers import KINDS, Caller, place_for

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

# What is said where the time for a question, or for all of them, was over.
OVER = ("no answer within", "no time was left")
# Some questions were given a minute, and their answer is not needed. A busy machine is slow, too.
SOON = 45.0
WORK = (
    "git config user.name agent; git config user.email agent@localhost;"
    " mkdir -p deep/er; echo 1 >deep/er/a; echo 1 >b; git add .; git commit -qm one; echo 2 >new;"
    " g=$(git rev-parse --absolute-git-dir); c=$(cd $(git rev-parse --git-common-dir) && pwd);"
    " o=$(git rev-parse HEAD); t=$(git rev-parse HEAD^{tree});"
    " o=${o%${o#??}}/${o#??}; t=${t%${t#??}}/${t#??};"
    " n=objects/pack/pack-0123456789012345678901234567890123456789; : >$c/$n.pack; "
)
# Where git looks, and would wait: in the repository, in a worktree's entry, in a working tree.
PLACES = (
    *("$c/index", "$c/refs/heads/aaa", "$c/refs/tags/deep/t", "$c/refs/remotes/o/x"),
    *("$c/refs/stash", "$c/logs/refs/stash", "$c/objects/$o", "$c/objects/$t", "$c/$n.idx"),
    *("$c/objects/pack/multi-pack-index", "$c/objects/info/commit-graphs/commit-graph-chain"),
    *("$c/objects/info/alternates", "$c/worktrees/other/HEAD", "$g/index", "$g/commondir"),
    *(".gitignore", ".gitattributes", "deep/er/.gitignore", "untracked/.gitignore"),
)
FIFO = 'mkfifo "$p"'
DAMAGES = {
    "sparse": 'truncate -s 60G "$p"',
    "link to zero": 'ln -s /dev/zero "$p"',
    "link to a fifo": 'mkfifo "$g/waits"; ln -s "$g/waits" "$p"',
}
COMMANDS = (
    ("workspace", "show", "1"),
    ("workspace", "gc", "--idle", "0s"),
    ("workspace", "remove", "1"),
    ("workspace", "remove", "1", "--force"),
)


def planting(place: str, damage: str = FIFO) -> str:
    """Return the script of an agent that works, and plants something where git looks."""
    full = f'p={place}; case "$p" in /*) ;; *) p="$PWD/$p";; esac'
    return f'{WORK} {full}; mkdir -p "${{p%/*}}"; rm -f "$p"; {damage}'


@contextmanager
def soon(what: object) -> Generator[None]:
    begun = time.monotonic()
    yield
    took = time.monotonic() - begun
    assert took < SOON, (what, took)


def plant(caller: Caller, flags: list[str], cwd: Path, script: str) -> None:
    with soon("the planting run"):
        done = caller.launch(["--agent", "generic", *flags], "sh", "-c", script, cwd=cwd)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    for record in caller.home.rglob("record.json"):
        assert not any(word in record.read_text() for word in OVER), record.read_text()


def said_soon(caller: Caller, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    with soon(words):
        done = caller.codexlab(*words, cwd=cwd)
    text = done.stdout + done.stderr
    assert not any(word in text for word in (*OVER, "Traceback")), (words, text)
    return done


# Each says what is wrong, where, and what to do.
TOLD = re.compile(r"/\S+: expected a (regular )?file, found a (fifo|special file); (re)?move it")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("caller", ["root"], indirect=True)
def test_nothing_is_waited_for_wherever_git_looks(place: str, caller: Caller) -> None:
    flags, cwd = place_for(caller, "worktree")
    plant(caller, flags, cwd, planting(place))
    for words in COMMANDS[:3]:
        done = said_soon(caller, cwd, *words, *(["--json"] if words[1] != "remove" else []))
        assert TOLD.search(done.stdout + done.stderr), (words, done.stdout, done.stderr)
        assert len(done.stderr.splitlines()) == (words[1] == "remove"), done.stderr
    forced = said_soon(caller, cwd, *COMMANDS[3])
    assert not list(caller.lab.workspaces_root.glob("*/1")), forced.stderr


@pytest.mark.parametrize("damage", ["sparse", "link to zero", "link to a fifo"])
@pytest.mark.parametrize("place", ["$c/refs/heads/aaa", "$c/objects/$o"])
@pytest.mark.parametrize("caller", ["root"], indirect=True)
def test_nothing_else_than_a_file_is_read_for_ever(place: str, damage: str, caller: Caller) -> None:
    flags, cwd = place_for(caller, "worktree")
    plant(caller, flags, cwd, planting(place, DAMAGES[damage]))
    for words in COMMANDS:
        said_soon(caller, cwd, *words)


@pytest.mark.parametrize("place", [".gitignore", "$c/refs/heads/aaa"])
@pytest.mark.parametrize("caller", ["root"], indirect=True)
def test_a_fifo_that_somebody_holds_open_and_never_writes_to_is_not_waited_for_either(
    place: str, caller: Caller
) -> None:
    flags, cwd = place_for(caller, "worktree")
    plant(caller, flags, cwd, planting(place))
    (fifo,) = (path for path in caller.home.rglob(place.split("/")[-1]) if path.is_fifo())
    writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        for words in COMMANDS:
            said_soon(caller, cwd, *words)
    finally:
        os.close(writer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["$c/objects/$o", "deep/er/.gitignore"])
def test_nothing_is_waited_for_in_any_kind_of_workdir(
    place: str, kind: str, caller: Caller
) -> None:
    flags, cwd = place_for(caller, kind)
    plant(caller, flags, cwd, planting(place))
    for words in COMMANDS:
        said_soon(caller, cwd, *words)


@pytest.mark.parametrize("caller", ["root"], indirect=True)
def test_the_workspaces_of_other_issues_are_judged_and_go(caller: Caller) -> None:
    flags, cwd = place_for(caller, "worktree")
    plant(caller, flags, cwd, planting("deep/er/.gitignore"))
    other = caller.run(caller.lab.argv(["--issue", "2", "--agent", "generic"], ["true"]), cwd=cwd)
    assert other.returncode == 0, other.stderr
    done = said_soon(caller, cwd, "workspace", "gc", "--idle", "0s", "--apply", "--json")
    found = {each["issue"]: each for each in json.loads(done.stdout)["workspaces"]}
    assert (done.returncode, found["2"]["action"]) == (0, "deleted")
    (told,) = found["1"]["findings"]
    assert found["1"]["action"] == "keep"
    assert "deep/er/.gitignore: expected a file, found a fifo; remove it" in told
