"""A remote holds a commit only where that is still reachable when the workspace is gone.

An agent makes the repository, and ``codexlab workspace`` is asked to remove the workspace.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab
from support.users.unprivileged import Unprivileged, give
from support.workspace.unique_work import ME, PLAIN, work, workspace

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

FLAGS = (*PLAIN, "--pass", "AWAY", "--pass", "TEMPORARY")
COMMIT = f"{ME}echo 1 > f; git add f; git commit -qm only; "
SEEN = "git update-ref refs/remotes/o/m HEAD; "
BARE = "git init -q --bare $AWAY; "
PUSH = "git push -q $AWAY HEAD:refs/heads/m; "
URL = f"{COMMIT}{SEEN}git remote add o "
SERVER = f"{URL}https://x.invalid/y; "
MORE = "printf '[remote \"o\"]\\n\\tpushurl = /nowhere/x\\n'"
TWICE = f"{BARE}{COMMIT}echo 2 > f; git commit -qam two; {PUSH}{SEEN}git remote add o $AWAY; "
FILE = "f=$AWAY/objects/$(git rev-parse HEAD~1:f | sed 's,^..,&/,')"
GONE = {
    "that went with the run": f"{COMMIT}git init -q --bare $TMPDIR/r;"
    " git remote add o file://$TMPDIR/r; git push -q o HEAD:refs/heads/m",
    "that never was": f"{URL}file:///nowhere/x.git",
    "that never was, in capitals": f"{URL}FILE:///nowhere/x.git",
    "that never was, with one slash": f"{URL}file:/nowhere/x.git",
    "that never had it": f"{BARE}{URL}$AWAY",
    "that never had it, as a URL": f"{BARE}{URL}file://$AWAY",
    "that never had it, by a relative path": f"{BARE}{URL}$(realpath --relative-to=. $AWAY)",
    "that is an empty directory": f"mkdir $AWAY; {URL}$AWAY",
    "that has it on no branch any more": f"{BARE}{COMMIT}{PUSH}{SEEN}git remote add o $AWAY;"
    " git -C $AWAY update-ref -d refs/heads/m",
    "that has it by an alias of nothing": f"{BARE}{COMMIT}{PUSH}{SEEN}git remote add o $AWAY;"
    " mkdir $AWAY/x; mv $AWAY/refs/heads/m $AWAY/x; ln -s ../../x/m $AWAY/refs/heads/m",
    "that borrows it from here": f"{URL}$AWAY; git clone -q --bare --shared . $AWAY",
    "that has a link to it": f"{BARE}{COMMIT}{PUSH}{SEEN}git remote add o $AWAY;"
    " mv $AWAY/objects ../codex-home/tmp; ln -s $PWD/../codex-home/tmp $AWAY/objects",
    "that has its end alone": f"{COMMIT}git commit -q --allow-empty -m two; {SEEN}"
    "git clone -q --bare --depth 1 file://$PWD $AWAY; git remote add o $AWAY",
    "that has no contents": f"{COMMIT}{SEEN}git config uploadpack.allowFilter true;"
    " git clone -q --bare --filter=blob:none file://$PWD $AWAY; git remote add o $AWAY",
    "that ends at the same commit as here": f"{BARE}{COMMIT}git commit -q --allow-empty -m two;"
    f" {PUSH}{SEEN}git remote add o $AWAY; git rev-parse HEAD | tee .git/shallow > $AWAY/shallow",
    "that lacks a file of an earlier commit": f"{TWICE}{FILE}; rm -f $f",
    "that has an earlier file empty": f"{TWICE}{FILE}; chmod +w $f; : > $f",
    "that says it is in part": f"{TWICE}git -C $AWAY config extensions.partialClone o",
    "that is a fifo": f"mkfifo $AWAY; {URL}$AWAY",
    "that has a fifo": f"{BARE}mkfifo $AWAY/packed-refs; {URL}$AWAY",
    "that lies among the workspaces": f"{COMMIT}o=$(realpath ../../..)/o; git init -q --bare $o;"
    " git remote add o $o; git push -q o HEAD:refs/heads/m",
    "that is temporary": f"{COMMIT}git init -q --bare $TEMPORARY; git remote add o $TEMPORARY;"
    " git push -q o HEAD:refs/heads/m",
    "of this machine, by http": f"{URL}http://localhost:8000/x",
    "of this machine, with a user": f"{URL}https://me:secret@127.0.0.1/x",
    "of this machine, by ssh": f"{URL}ssh://me@[::1]:22/x",
    "of this machine, by a colon": f"{URL}me@localhost:x",
    "of this machine, in one number": f"{URL}https://2130706433/x",
    "of this machine, in hexadecimal": f"{URL}https://0x7f.1/x",
    "of this machine, with a dot behind": f"{URL}https://localhost./x",
    "of this machine, with an escape": f"{URL}https://%6cocalhost/x",
    "of this machine, mapped": f"{URL}https://[::ffff:127.0.0.1]/x",
    "of this machine, at length": f"{URL}https://[0:0:0:0:0:0:0:1]/x",
    "of this machine, in brackets": f"{URL}[localhost:22]:x",
    "of this machine, by its name": f"{URL}ssh://$(uname -n)/x",
    "that is a program": f"{URL}ext::cat",
    "that is a descriptor": f"{URL}fd::7",
    "that is any helper's": f"{URL}mine::https://x.invalid/y",
    "that is a helper's scheme": f"{URL}mine://x.invalid/y",
    "without a host": f"{URL}https:///x",
    "with a second URL": f"{URL}https://x.invalid/y; git remote set-url --add o /nowhere/x",
    "pushed to elsewhere": f"{URL}https://x.invalid/y; git remote set-url --push o /nowhere/x",
    "rewritten": f"{URL}https://x.invalid/y; git config url./nowhere/.insteadOf https://x.invalid/",
    "rewritten for a push": f"{URL}https://x.invalid/y;"
    " git config url./nowhere/.pushInsteadOf https://x.invalid/",
    "pushed to elsewhere, by an included file": f"{SERVER}{MORE} > .git/more;"
    " git config include.path more",
    "pushed to elsewhere, on a condition": f"{SERVER}{MORE} > .git/more;"
    " git config includeIf.gitdir:/.path more",
    "pushed to elsewhere, by the worktree's own": f"{SERVER}"
    "git config extensions.worktreeConfig true; git config --worktree remote.o.pushurl /nowhere/x",
    "pushed to elsewhere, by a file that the worktree's own includes": f"{SERVER}"
    f"{MORE} > .git/more; git config extensions.worktreeConfig true;"
    " git config --worktree include.path more",
    "pushed to elsewhere, in the old form": f"{SERVER}"
    "printf '[remote.o]\\n\\tpushurl = /nowhere/x\\n' >> .git/config",
    "pushed to elsewhere, behind another section": f"{SERVER}"
    "printf '[core][remote \"o\"]\\n\\tpushurl = /nowhere/x\\n' >> .git/config",
    "whose references another fetches": f"{SERVER}git remote add p /nowhere/x;"
    " git config remote.p.fetch '+refs/heads/*:refs/remotes/o/*'",
    "with a helper of its own": f"{SERVER}git config remote.o.vcs mine",
    "called like a part of a server's": f"{COMMIT}git update-ref refs/remotes/o/p/m HEAD;"
    " git config remote.o.url https://x.invalid/y; git config remote.o/p.url /nowhere/x",
}
THERE = {
    "a path": f"{BARE}{COMMIT}{PUSH}git remote add o $AWAY",
    "a file URL": f"{BARE}{COMMIT}{PUSH}git remote add o file://$AWAY",
    "a file URL with escapes": f"{BARE}{COMMIT}{PUSH}git remote add o file://${{AWAY%/*}}/%61way",
    "a relative path": f"{BARE}{COMMIT}{PUSH}git remote add o $(realpath --relative-to=. $AWAY)",
    "a path without its ending": f"{BARE}{COMMIT}{PUSH}mv $AWAY $AWAY.git; git remote add o $AWAY",
    "a checkout": f"git init -q $AWAY; {COMMIT}{PUSH}git remote add o $AWAY",
    "a checkout that went on": f"git init -q -b x $AWAY; {COMMIT}{PUSH}git remote add o $AWAY;"
    f" git fetch -q o; cd $AWAY; git switch -q m; {ME}git commit -q --allow-empty -m more;"
    " git pack-refs --all; git gc -q",
    "a path, of a detached HEAD": f"{BARE}{COMMIT}{PUSH}git remote add o $AWAY;"
    " git checkout -q --detach;"
    " git branch -q -D $(git branch --format='%(refname:short)' | tail -1)",
}
SERVERS = {
    "https": "https://x.invalid/y",
    "ssh": "ssh://git@x.invalid:22/y",
    "a colon": "git@x.invalid:team/y.git",
    "an address": "https://[2001:db8::1]/y",
}


@pytest.fixture
def away(lab: Lab, scratch: Path) -> Path:
    """A path of nothing yet, outside of every workspace, that agents are told as ``$AWAY``."""
    lab.environ["AWAY"] = str(scratch / "away")
    lab.environ["TEMPORARY"] = str(Path(lab.environ["TMPDIR"]) / "kept.git")
    return scratch / "away"


@pytest.mark.parametrize("script", GONE.values(), ids=GONE)
@pytest.mark.usefixtures("away")
def test_no_remote_holds_what_nothing_would_hold_afterwards(script: str, lab: Lab) -> None:
    work(lab, script, FLAGS)
    refused = workspace(lab, "remove", "1")
    assert refused.returncode == 125, refused.stdout
    assert " on no remote" in refused.stderr
    workspace(lab, "gc", "--idle", "0s", "--apply")
    assert lab.workspace.is_dir()


@pytest.mark.parametrize("script", THERE.values(), ids=THERE)
def test_a_repository_elsewhere_holds_what_its_references_reach(
    script: str, lab: Lab, away: Path
) -> None:
    work(lab, script, FLAGS)
    done = workspace(lab, "remove", "1")
    assert done.returncode == 0, done.stderr
    place = away if away.exists() else away.with_suffix(".git")
    assert "only" in git(place, "log", "m", "--format=%s").splitlines()
    assert git(place, "fsck", "--connectivity-only") == ""


@pytest.mark.parametrize("url", SERVERS.values(), ids=SERVERS)
@pytest.mark.usefixtures("away")
def test_a_server_on_another_machine_is_not_asked_and_believed(url: str, lab: Lab) -> None:
    work(lab, f"{URL}{url}", FLAGS)
    done = workspace(lab, "remove", "1")
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("away")
def test_a_tag_with_a_text_came_from_nowhere_when_what_was_cloned_is_gone(lab: Lab) -> None:
    script = f"{COMMIT}{SEEN}git remote add o https://x.invalid/y; git init -q --bare $TMPDIR/o;"
    script += " git push -q $TMPDIR/o HEAD:refs/heads/m; cd $TMPDIR/o; "
    script += f"{ME}GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' git tag -a v1 -m only m;"
    script += " cd $OLDPWD/../codex-home;"
    script += " git clone -q -b m file://$TMPDIR/o r; cd r;"
    work(lab, f"{script} git remote set-url origin https://x.invalid/y", FLAGS)
    refused = workspace(lab, "remove", "1")
    assert refused.returncode == 125, refused.stdout
    assert "1 tag made in it in repository codex-home/r" in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs unprivileged already")
@pytest.mark.parametrize("name", ["that never was", "that is temporary", "that never had it"])
def test_an_ordinary_users_remote_holds_no_more(
    name: str, lab: Lab, as_nobody: Unprivileged
) -> None:
    home = as_nobody.home
    variables = {**lab.environ, **as_nobody.places()}
    for each in ("codex", "tmp"):
        (home / each).mkdir(exist_ok=True)
        give(home / each)
    variables |= {"CODEX_HOME": str(home / "codex"), "TMPDIR": str(home / "tmp")}
    variables |= {"AWAY": str(home / "away"), "TEMPORARY": str(home / "tmp" / "kept.git")}
    command = lab.argv(FLAGS, ["sh", "-ec", GONE[name]])
    done = as_nobody.run(command, cwd=home, environ=variables)
    assert done.returncode == 0, done.stderr
    program = lab.program.with_name("codexlab")
    refused = as_nobody.run([program, "workspace", "remove", "1"], cwd=home, environ=variables)
    assert refused.returncode == 125, refused.stdout
