"""The record tells nothing of a checkout that the agent put in the place of the run's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.git.repositories import git
from support.users.callers import Caller, place_for
from support.users.unprivileged import give

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

ME = "git -c user.name=a -c user.email=a@localhost"
FORGED = f"git init -q && {ME} commit -q --allow-empty -m forged"
WORK = "echo unique >work"
ANOTHER = f"P=$PWD; cd ..; mv $P $P.aside; mkdir $P; cd $P; {FORGED}"
WAYS = {
    "the git directory": f"mv .git ../g0; git init -q; git add -A; {ME} commit -q -m forged",
    "the git directory, deleted": f"rm -rf .git; git init -q; git add -A; {ME} commit -q -m forged",
    "the directory": ANOTHER,
    "a link to a repository of the user's": "P=$PWD; cd ..; mv $P $P.aside; ln -s $HOME/repo $P",
    "a link to the very directory": "P=$PWD; cd ..; mv $P $P.aside; ln -s $P.aside $P",
}


def last_record(caller: Caller) -> dict[str, Any]:
    records = caller.home.rglob("runs/*/record.json")
    found = [json.loads(path.read_text()) for path in records]
    last: dict[str, Any] = max(found, key=lambda record: str(record["started"]))
    return last


def given_directory(caller: Caller, *, with_git: bool) -> list[str]:
    """Make a directory of the user's, with or without a repository; return a launch's flags."""
    given = caller.home / "given"
    given.mkdir()
    if with_git:
        git(given, "init", "-q")
        (given / "f").write_text("1")
        git(given, "add", "f")
        git(given, "-c", "user.name=u", "-c", "user.email=u@localhost", "commit", "-q", "-m", "1")
    if caller.home.name == "nobody":
        for path in (given, *given.rglob("*")):
            give(path)
    return ["--project", "p", "--workdir", str(given)]


@pytest.fixture
def repo(caller: Caller) -> Path:
    """Give the caller a repository called ``repo``, to which a link may lead."""
    _, cwd = place_for(caller, "worktree")
    return cwd


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["given", "plain"])
def test_another_one_in_its_place_is_not_described_and_a_warning_says_so(
    caller: Caller, repo: Path, kind: str, way: str
) -> None:
    flags = given_directory(caller, with_git=True) if kind == "given" else ["--no-repo"]
    command = f"export HOME={caller.home}; {WORK}; {WAYS[way]}"
    done = caller.launch(flags, "sh", "-c", command, cwd=repo)
    assert done.returncode == 0, done.stderr
    record = last_record(caller)
    assert record["git"]["after"] is None, record["git"]
    (line,) = [line for line in record["warnings"] if "not followed" in line]
    assert "instead of" in line or "of the launch" in line, line


@pytest.mark.parametrize("kind", ["given", "linked", "worktree", "plain"])
def test_work_in_the_very_checkout_is_described(caller: Caller, kind: str) -> None:
    flags, cwd = place_for(caller, kind)
    command = f"{WORK}; git add work; {ME} commit -q -m work; echo more >>work"
    assert caller.launch(flags, "sh", "-c", command, cwd=cwd).returncode == 0
    record = last_record(caller)
    assert record["git"]["after"]["dirty"] is True
    assert not any("not followed" in line for line in record["warnings"])
    assert record["git"]["after"]["head"] != record["git"]["head_before"]


@pytest.mark.parametrize(
    ("command", "is_work"),
    [
        (f"git init -q && {ME} commit -q --allow-empty -m one", True),
        ("echo gitdir: $HOME/repo/.git >.git", False),
        ("ln -s $HOME/repo/.git .git", False),
        ("git init -q ..", False),
    ],
)
def test_a_repository_made_where_none_was_counts_if_it_lies_there(
    caller: Caller, repo: Path, command: str, *, is_work: bool
) -> None:
    flags = given_directory(caller, with_git=False)
    done = caller.launch(
        flags, "sh", "-c", f"export HOME={caller.home}; {WORK}; {command}", cwd=repo
    )
    assert done.returncode == 0, done.stderr
    record = last_record(caller)
    assert (record["git"]["after"] is not None) == is_work, record["git"]
    assert any("not followed" in line for line in record["warnings"]) != is_work


def test_a_link_in_the_place_of_a_given_directory_is_told_by_the_next_launch(
    caller: Caller, repo: Path
) -> None:
    flags = given_directory(caller, with_git=True)
    first = caller.launch(flags, "sh", "-c", f"cd ..; mv given g0; ln -s {repo} given", cwd=repo)
    assert (first.returncode, "is a link" in first.stderr) == (0, False), first.stderr
    done = caller.launch(flags, "true", cwd=repo)
    lines = [line for line in done.stderr.splitlines() if "is a link" in line]
    assert (done.returncode, len(lines)) == (0, 1), done.stderr
    assert str(caller.home / "given") in lines[0]
    assert str(repo) in lines[0]
