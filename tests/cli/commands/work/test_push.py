"""``codexlab push`` brings an issue's branch to a remote, and starts nothing that lies there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.git.repositories import git
from support.git.users import write_users_config
from support.lab import Lab

from codexlab.workspace.bring_home.remote import Remote

BRANCH = "codexlab/7/generic"
SOURCE = "merge_request%5Bsource_branch%5D=codexlab%2F7%2Fcodex"


@pytest.fixture
def worked(lab: Lab, scratch: Path) -> Lab:
    write_users_config(lab)
    git(scratch, "init", "-q", "--bare", "home.git")
    git(lab.cwd, "remote", "add", "origin", str(scratch / "home.git"))
    assert lab.run(["--issue", "7"], ["sh", "-c", "echo edited >README.md"]).returncode == 0
    assert lab.codexlab("commit", "7", "-m", "Do it\n\nBecause.").returncode == 0
    return lab


def refused(lab: Lab, *words: str) -> str:
    before = git(lab.cwd, "for-each-ref")
    done = lab.codexlab("push", "7", *words)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.count("\n") == 1
    assert git(lab.cwd, "for-each-ref") == before
    return done.stderr


def test_the_branch_is_pushed_once_and_counts_as_home(worked: Lab, scratch: Path) -> None:
    hook = scratch / "home.git/hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {scratch}/ran\n")
    hook.chmod(0o755)
    said = worked.codexlab("push", "7")
    assert (said.returncode, said.stderr) == (0, "")
    commit = git(worked.cwd, "rev-parse", BRANCH)
    assert said.stdout == f"pushed {BRANCH} to origin ({scratch}/home.git), at {commit[:12]}\n"
    assert git(scratch / "home.git", "rev-parse", BRANCH) == commit
    assert git(worked.cwd, "rev-parse", f"refs/remotes/origin/{BRANCH}") == commit
    again = json.loads(worked.codexlab("push", "7", "--json").stdout)
    assert (again["pushed"], again["commit"], again["page"]) == (False, commit, None)
    assert not (scratch / "ran").exists()


def test_what_the_remote_refuses_is_its_own_reason(worked: Lab, scratch: Path) -> None:
    other = scratch / "other"
    git(scratch, "clone", "-q", str(worked.cwd), str(other))
    (other / "more").touch()
    git(other, "add", "more")
    git(other, "-c", "user.name=o", "-c", "user.email=o", "commit", "-q", "-m", "theirs")
    git(other, "push", "-q", str(scratch / "home.git"), f"HEAD:refs/heads/{BRANCH}")
    assert "[rejected] (fetch first)" in refused(worked)
    git(worked.cwd, "remote", "set-url", "origin", str(scratch / "gone.git"))
    assert "gone.git" in refused(worked)


def test_uncommitted_work_is_refused(worked: Lab) -> None:
    (worked.workspace / "workdir/new.txt").touch()
    assert "run 'codexlab commit 7' first" in refused(worked)


def test_a_remote_that_starts_a_program_or_is_an_agents_is_refused(
    worked: Lab, scratch: Path
) -> None:
    for url in (f"ext::sh -c 'touch {scratch}/ran'", "evil://host/x"):
        git(worked.cwd, "config", "remote.origin.url", url)
        assert "is neither a server nor a path" in refused(worked)
    git(worked.workspace, "init", "-q", "--bare", "theirs.git")
    git(worked.cwd, "config", "remote.origin.url", str(worked.workspace / "theirs.git"))
    assert "is where an agent works" in refused(worked)
    assert "no such remote" in refused(worked, "--remote", "nowhere")
    assert not (scratch / "ran").exists()


def test_files_of_lfs_are_left_to_git(worked: Lab) -> None:
    write_users_config(worked, '[filter "lfs"]\n\tclean = cat\n\tsmudge = cat\n')
    (worked.workspace / "workdir/.gitattributes").write_text("*.bin filter=lfs\n")
    (worked.workspace / "workdir/a.bin").write_text("large\n")
    assert worked.codexlab("commit", "7").returncode == 0
    assert "a.bin: is stored by LFS" in refused(worked)


GH = """#!/bin/sh
printf '%s\\n' "$@" >"$HOME/gh-words"
pwd >"$HOME/gh-cwd"
echo https://github.example/o/r/pull/1
"""


def test_gh_opens_the_pull_request_from_an_empty_place(worked: Lab, scratch: Path) -> None:
    tools = scratch / "tools"
    tools.mkdir()
    assert "gh was not found" in refused(worked, "--pr")
    (tools / "gh").write_text(GH)
    (tools / "gh").chmod(0o755)
    worked.environ["PATH"] = f"{worked.workspace}/workdir:{tools}:{worked.environ['PATH']}"
    # The user's own configuration says where that server is reached here.
    instead = f'[url "{scratch}/home.git"]\n\tinsteadOf = https://github.example/o/r.git\n'
    write_users_config(worked, instead)
    git(worked.cwd, "remote", "set-url", "origin", "https://github.example/o/r.git")
    done = worked.codexlab("push", "7", "--pr")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == "https://github.example/o/r/pull/1"
    home = Path(worked.environ["HOME"])
    words = (home / "gh-words").read_text().splitlines()
    assert words[:8] == [
        *("pr", "create", "--repo", "github.example/o/r"),
        *("--head", BRANCH, "--title", "Do it"),
    ]
    assert "Because." in words
    assert "/looks/" in (home / "gh-cwd").read_text()


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("git@github.com:o/r.git", "https://github.com/o/r/pull/new/codexlab/7/codex"),
        ("https://me:secret@github.com/o/r", "https://github.com/o/r/pull/new/codexlab/7/codex"),
        (
            "ssh://git@gitlab.example:2222/g/s/r.git",
            "https://gitlab.example/g/s/r/-/merge_requests/new?" + SOURCE,
        ),
        ("https://example.com/o/r", None),
        ("/srv/github/r.git", None),
    ],
)
def test_the_page_of_a_pull_request_is_named_where_it_is_known(url: str, page: str | None) -> None:
    assert Remote("origin", url).page("codexlab/7/codex") == page
    assert "secret" not in Remote("origin", url).shown
