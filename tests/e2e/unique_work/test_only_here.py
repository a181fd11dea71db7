"""What exists only in a workspace is found wherever an agent put it, and named.

Each test lets an agent make it through ``codexlab-run``, asks ``codexlab workspace`` to delete
it, and looks at what is there afterwards.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.agents.codex import Codex
from support.git.repositories import git, make_repository
from support.lab import Lab
from support.marks import both_codex
from support.model.server import ModelFactory, run_command, say, write_file
from support.workspace.unique_work import ME, PLAIN, WORKTREE, collected, only_here, work, workspace

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

EXEC = ("exec", "-s", "danger-full-access", "--worktree", "work")


@pytest.mark.parametrize("committed", [False, True])
def test_what_codex_made_in_a_worktree_of_its_own_is_kept_and_named(
    committed: bool, lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    commit = "echo x > only-here.txt; git add .; git commit -qm only"
    turn = run_command(commit) if committed else write_file("only-here.txt", "x\n")
    model([turn, say("done")])
    command = [str(codex.native), *EXEC]
    done = lab.run(["--issue", "1"], command)
    assert done.returncode == 0, done.stderr
    (made,) = lab.workspace.glob("codex-home/worktrees/*/*/only-here.txt")
    where = made.parent.relative_to(lab.workspace)
    (line,) = only_here(lab)
    what = "1 commit that is on no remote" if committed else "uncommitted changes"
    assert line.startswith(what)
    assert line.endswith(f" in codex's worktree {where}")
    refused = workspace(lab, "remove", "1")
    assert (refused.returncode, made.exists()) == (125, True)
    assert line in refused.stderr
    assert collected(lab)["findings"] == [line]
    assert made.exists()


def test_force_deletes_codexs_worktree_keeps_its_commit_and_leaves_no_orphaned_entry(
    lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    git(lab.cwd, "worktree", "add", "-q", "../users")
    model([run_command("echo x > f; git add .; git commit -qm only"), say("done")])
    command = [str(codex.native), *EXEC]
    assert lab.run(["--issue", "1"], command).returncode == 0
    (made,) = lab.workspace.glob("codex-home/worktrees/*/*")
    commit = git(made, "rev-parse", "HEAD")
    done = workspace(lab, "remove", "1", "--force")
    assert done.returncode == 0, done.stderr
    (kept,) = git(lab.cwd, "for-each-ref", "--format=%(refname)", "refs/codexlab").splitlines()
    assert kept in done.stdout
    assert git(lab.cwd, "rev-parse", kept) == commit
    assert [line.split()[0] for line in git(lab.cwd, "worktree", "list").splitlines()] == [
        str(lab.cwd),
        str(lab.cwd.parent / "users"),
    ]


PLACES = {
    "below the workdir": "sub",
    "beside its files, ignored": "build/sub",
    "in codex-home": "../codex-home/mine",
    "in context": "../context/mine",
    "beside the workdir": "../mine",
}
IGNORE = "echo build/ >> $(git rev-parse --git-common-dir)/info/exclude; "


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_worktree_an_agent_made_anywhere_below_its_workspace_is_looked_at(
    place: str, lab: Lab
) -> None:
    script = f"{ME}{IGNORE}git worktree add -q --detach {place}; cd {place}; "
    root = work(lab, f"{script} git worktree lock .; echo x > f; git add f; git commit -qm only")
    made = (root / "workdir" / place).resolve()
    name = made.relative_to(root)
    assert any(
        line == f"1 commit that is on no remote and no other branch in worktree {name}"
        for line in only_here(lab)
    )
    assert workspace(lab, "remove", "1").returncode == 125
    commit = git(made, "rev-parse", "HEAD")
    assert workspace(lab, "remove", "1", "--force").returncode == 0
    assert git(lab.cwd, "for-each-ref", "--contains", commit, "refs/codexlab") != ""
    assert git(lab.cwd, "worktree", "list").splitlines()[1:] == []


SUBMODULE = "a submodule's commit"
REPOSITORIES = {
    "made anew": "git init -q r; cd r; echo x > f",
    "made anew, committed": f"git init -q r; cd r; {ME}echo x > f; git add f; git commit -qm x",
    "cloned, changed": "git clone -q $CLONED r; cd r; echo x > f",
    "cloned, a commit": f"git clone -q $CLONED r; cd r; {ME}git commit -q --allow-empty -m x",
    "cloned, a stash": f"git clone -q $CLONED r; cd r; {ME}echo x > README.md; git stash -q",
    "cloned, another branch": f"git clone -q $CLONED r; cd r; {ME}git switch -qc b;"
    " git commit -q --allow-empty -m x; git switch -q main",
    "cloned, a tag": f"git clone -q $CLONED r; cd r; {ME}git switch -q --detach;"
    " git commit -q --allow-empty -m x; git tag t; git switch -q main",
    "cloned, told not to look": "git clone -q $CLONED r; cd r;"
    " git update-index --skip-worktree README.md; echo x > README.md",
    "bare, pushed to": f"git init -q --bare r; git clone -q $CLONED c; cd c; {ME}"
    "git commit -q --allow-empty -m x; git push -q ../r HEAD:refs/heads/b; cd ..; rm -rf c",
    "its remote goes too": f"git init -q --bare o; git clone -q o r; cd r; {ME}"
    "git commit -q --allow-empty -m x; git push -q; rm -r ../o",
    "a bisect": f"git clone -q $CLONED r; cd r; {ME}git bisect start -q",
    "damaged": "git clone -q $CLONED r; rm r/.git/HEAD",
    "a fifo for its index": "git clone -q $CLONED r; rm r/.git/index; mkfifo r/.git/index",
    "a fifo for its .git": "mkdir r; mkfifo r/.git",
    SUBMODULE: "git -c protocol.file.allow=always submodule -q add -f $CLONED r;"
    f" git commit -qm sub; cd r; {ME}git commit -q --allow-empty -m x",
}


IN_WORKDIR = ("made anew", "cloned, a stash", "damaged", SUBMODULE)


@pytest.mark.parametrize("what", REPOSITORIES)
def test_a_repository_with_work_of_its_own_keeps_the_workspace(
    what: str, lab: Lab, scratch: Path
) -> None:
    place = "workdir/tmp" if what in IN_WORKDIR else "codex-home"
    cloned = make_repository(scratch / "cloned")
    lab.environ["CLONED"] = str(cloned)
    ignored = "echo tmp/ >> $(git rev-parse --git-common-dir)/info/exclude; "
    start = f"{ME}{ignored}mkdir -p ../{place}; cd ../{place}; "
    flags = (*WORKTREE, "--pass", "CLONED")
    root = work(lab, start + REPOSITORIES[what], flags)
    lines = only_here(lab)
    name = "submodules" if what == SUBMODULE else f"{place}/r"
    assert [line for line in lines if name in line], lines
    before = sorted(root.rglob("*"))
    refused = workspace(lab, "remove", "1")
    assert refused.returncode == 125, refused.stdout
    assert collected(lab)["action"] == "keep"
    assert sorted(root.rglob("*")) == before
    assert workspace(lab, "remove", "1", "--force").returncode == 0
    assert not root.exists()


def test_clones_that_hold_nothing_new_do_not_keep_it(lab: Lab, scratch: Path) -> None:
    cloned = make_repository(scratch / "cloned")
    git(cloned, "commit", "-q", "--allow-empty", "-m", "more")
    lab.environ["CLONED"] = f"file://{cloned}"
    script = (
        "cd ../codex-home; git clone -q $CLONED r; git clone -q --depth 1 $CLONED s;"
        " git clone -q --sparse $CLONED u; cd r; git switch -q --detach"
    )
    work(lab, script, (*WORKTREE, "--pass", "CLONED"))
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0


def test_a_worktree_outside_that_hangs_on_a_plain_workdir_keeps_it(lab: Lab, scratch: Path) -> None:
    outside = scratch / "outside"
    remote = scratch / "remote.git"
    git(scratch, "init", "-q", "--bare", str(remote))
    script = f"{ME}git commit -q --allow-empty -m x; git push -q {remote} HEAD:refs/heads/m;"
    script += f"git remote add o {remote}; git fetch -q o; git worktree add -q {outside}"
    work(lab, script, PLAIN)
    assert only_here(lab) == [f"a worktree at {outside}, which would lose its repository,"]
    assert workspace(lab, "remove", "1").returncode == 125
    assert git(outside, "status", "--porcelain") == ""


def test_no_program_that_a_repository_below_names_is_started(lab: Lab, scratch: Path) -> None:
    mark = scratch / "started"
    script = f"""
    cd ../codex-home; git init -q r; cd r; {ME} echo x > f; git add f; git commit -qm x
    printf '#!/bin/sh\\ntouch {mark}\\ncat\\n' > evil; chmod +x evil
    echo '* filter=s diff=s merge=s' > .gitattributes
    for key in core.fsmonitor core.hooksPath filter.s.clean filter.s.smudge filter.s.process \
        diff.external diff.s.command diff.s.textconv core.sshCommand core.pager \
        core.alternateRefsCommand
    do git config $key $PWD/evil; done
    git config extensions.partialClone o; git config remote.o.url ext::$PWD/evil
    git config protocol.allow always; git config core.worktree $PWD
    ln -s ../../evil .git/hooks/post-index-change
    rm -f {mark}; echo y > f
    """
    work(lab, script)
    assert "uncommitted changes in repository codex-home/r" in only_here(lab)
    assert workspace(lab, "remove", "1").returncode == 125
    assert workspace(lab, "remove", "1", "--force").returncode == 0
    assert not mark.exists()


def test_a_stash_made_in_the_worktree_counts_and_outlives_it(lab: Lab) -> None:
    work(lab, f"{ME}echo x > README.md; git stash -q")
    (line,) = only_here(lab)
    assert line.startswith("1 stash that was made in it and would stay in ")
    assert workspace(lab, "remove", "1").returncode == 125
    assert workspace(lab, "remove", "1", "--force").returncode == 0
    assert len(git(lab.cwd, "stash", "list").splitlines()) == 1


STASHES = f"""
git init -q r; cd r; {ME}echo 1 > f; git add f; git commit -qm k
echo 2 > f; git stash -q; echo 3 > f; git stash -q; git remote add o $REMOTE
"""


@pytest.mark.parametrize("pushed", [1, 2])
def test_each_stash_of_a_repository_counts_until_a_remote_has_it(
    pushed: int, lab: Lab, scratch: Path
) -> None:
    git(scratch, "init", "-q", "--bare", "remote.git")
    lab.environ["REMOTE"] = str(scratch / "remote.git")
    specs = " ".join(f"stash@{{{n}}}:refs/heads/s{n}" for n in range(pushed))
    script = f"cd ../codex-home; {STASHES} git push -q o HEAD {specs}"
    work(lab, script, (*PLAIN, "--pass", "REMOTE"))
    # Two stashes of one second share what the index was.
    lonely = re.fullmatch(r"\d commits? that .* on no remote .*/r", "".join(only_here(lab)))
    assert (lonely is not None) is (pushed == 1)
    assert workspace(lab, "remove", "1").returncode == (125 if pushed == 1 else 0)


def test_each_stash_made_in_the_worktree_counts(lab: Lab) -> None:
    work(lab, f"{ME}echo x > README.md; git stash -q; echo y > README.md; git stash -qm later")
    (line,) = only_here(lab)
    assert line.startswith("2 stashes that were made in it and would stay in ")


SQLITE = (
    "python3 -c 'import sqlite3, sys; d = sqlite3.connect(sys.argv[1]);"
    """ d.execute("create table notes (line)"); d.commit()'"""
)
PER_WORKTREE = {
    "a reference": "git update-ref refs/worktree/keep $(git commit-tree -m x HEAD^{tree})",
    "a bisect": "git bisect start -q",
    "a cherry-pick": "echo a > f; git add f; git commit -qm a; git switch -qc o HEAD^; echo b > f;"
    "git add f; git commit -qm b; git cherry-pick codexlab/1/generic || :",
    "told not to look": "git update-index --assume-unchanged README.md; echo x > README.md",
    "beside it": "echo x > ../notes.txt",
    "a directory in context": "mkdir -p ../context/d; echo x > ../context/d/f",
    "beside it, called almost as ours": "mkdir ../.context-notes; echo x > ../.context-notes/f",
    "beside it, a file called almost as ours": "echo x > ../.context-plain",
    "beside it, a directory below a name of ours": "mkdir -p ../.context-0123456789ab/d",
    "beside it, a file called as ours": "echo x > ../.context-0123456789ab",
    "among our records": "mkdir ../.codexlab/mine; echo x > ../.codexlab/mine/f",
    "a file among our records": "echo x > ../.codexlab/notes.txt",
    "a directory in the place of a record": "rm -f ../.codexlab/home.json;"
    " mkdir ../.codexlab/home.json; echo x > ../.codexlab/home.json/f",
    "among our runs": "mkdir ../.codexlab/runs/mine; echo x > ../.codexlab/runs/mine/f",
    "within a run": "cd ../.codexlab/runs/*/; mkdir mine; echo x > mine/f",
    "a file within a run": "cd ../.codexlab/runs/*/; echo x > notes.txt",
    "a file within a run, called almost as ours": "cd ../.codexlab/runs/*/; echo x > mine.log",
    "a database in codex's home": "echo x > ../codex-home/mine.db",
    "a database without a number in codex's home": "echo x > ../codex-home/mine.sqlite",
    "a text called as a database of codex's": "echo x > ../codex-home/notes_1.sqlite",
    "a database called as codex's": f"{SQLITE} ../codex-home/notes_1.sqlite",
    "a log called as that of a database of codex's": "echo x > ../codex-home/notes_1.sqlite-wal",
    "a log beside an empty database": ": > ../codex-home/notes_1.sqlite;"
    " echo x > ../codex-home/notes_1.sqlite-wal",
    "a fifo called as a database of codex's": "mkfifo ../codex-home/notes_1.sqlite",
    "a text called as a lock": "echo x > ../codex-home/mine.lock",
    "a file called almost as a temporary one": "echo x > ../codex-home/.mytmp",
    "a log in codex's home": "echo x > ../codex-home/mine.log",
    "a text called as a log of codex's": "echo x > ../codex-home/codex-notes.log",
    "settings of another profile in codex's home": "echo 'a = 1' > ../codex-home/x.config.toml",
    "a text called as a marker of codex's": "echo x > ../codex-home/.plan_migration",
    "a text called almost as a temporary file": "echo x > ../codex-home/.tmp-x",
    "a text called as a temporary file of codex's": "echo x > ../codex-home/.tmpAbCdEf",
    "a text called as that of a file of codex's": "echo x > ../codex-home/.plan.json.tmp",
    "a directory called as a temporary file of ours": "mkdir ../codex-home/.a.0123456789ab.tmp;"
    " echo x > ../codex-home/.a.0123456789ab.tmp/f",
    "in codex's home": "mkdir ../codex-home/mine; echo x > ../codex-home/mine/f",
    "a file in codex's home": "echo x > ../codex-home/notes.md",
}


@pytest.mark.parametrize("script", PER_WORKTREE.values(), ids=PER_WORKTREE)
def test_what_git_keeps_for_one_worktree_alone_counts(script: str, lab: Lab) -> None:
    root = work(lab, ME + script)
    assert only_here(lab) != []
    assert workspace(lab, "remove", "1").returncode == 125
    assert root.exists()


FORMS_OF_CODEX = """
cd ../codex-home; : > .tmpAbCdEf; : > .models_cache.json.tmp.17
printf 'v1\\n' > .personality_migration
printf '2026-01-02T03:04:05Z  INFO hello\\n' > codex-login.log
"""


def test_what_has_the_form_that_codex_gives_it_keeps_nothing(lab: Lab) -> None:
    work(lab, FORMS_OF_CODEX)
    assert only_here(lab) == []


COMES_AND_GOES = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for number in range(40):
        open(f"{sys.argv[2]}/z{number}", "w").close()
    for number in range(40):
        os.unlink(f"{sys.argv[2]}/z{number}")
"""


@pytest.mark.parametrize("place", [".", ".codexlab", ".codexlab/runs", "codex-home", "context"])
def test_names_that_vanish_during_a_look_hide_no_other(lab: Lab, place: str) -> None:
    root = work(lab, f"mkdir -p ../{place}/mine; echo x > ../{place}/mine/f")
    argv = [sys.executable, "-c", COMES_AND_GOES, str(os.getpid()), str(root / place)]
    with subprocess.Popen(argv) as coming:
        try:
            for _ in range(6):
                assert any(re.search(r"\bmine\b", line) for line in only_here(lab))
        finally:
            coming.kill()


def test_the_next_task_leaves_what_is_called_almost_as_ours(lab: Lab) -> None:
    root = work(
        lab, "mkdir -p ../.context-notes ../.context-0123456789ab/d; echo x > ../.context-f"
    )
    names = {".context-notes", ".context-0123456789ab", ".context-f"}
    work(lab, "true")
    assert names <= {path.name for path in root.iterdir()}


@both_codex
def test_what_codex_itself_makes_in_its_home_keeps_nothing(
    lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    model([run_command("true"), say("done")])
    done = lab.run(["--issue", "1"], [str(codex.native), "exec", "hello"])
    assert done.returncode == 0, done.stderr
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0


@pytest.mark.parametrize("place", ["../codex-home/deep", "deep"])
def test_a_tree_of_any_depth_stops_no_command(place: str, lab: Lab) -> None:
    deeper = '[(os.mkdir("d"), os.chdir("d")) for _ in range(3000)]; open("f", "w")'
    work(
        lab,
        f"rm -f {place} || :; mkdir -p {place}; cd {place}; python3 -c 'import os; {deeper}'",
        PLAIN,
    )
    assert workspace(lab, "show", "1").returncode == 0
    assert workspace(lab, "gc", "--idle", "0s").returncode == 0
    assert workspace(lab, "remove", "1").returncode == 125
    assert workspace(lab, "remove", "1", "--force").returncode == 0


def test_show_lists_every_checkout_beside_the_workdir(lab: Lab) -> None:
    work(lab, "git worktree add -q --detach ../codex-home/clean; git init -q ../codex-home/r")
    (found,) = json.loads(workspace(lab, "show", "1", "--json").stdout)
    assert found["checkouts"] == ["codex-home/clean", "codex-home/r"]
    assert found["only_here"] == []
    assert workspace(lab, "remove", "1").returncode == 0
    assert len(git(lab.cwd, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("flags", [WORKTREE, PLAIN], ids=["worktree", "plain"])
@pytest.mark.parametrize(
    "swap",
    ["rm -rf .git; mkdir .git", "rm -rf .git; ln -s / .git", "rm -rf .git; : >.git"],
    ids=["an empty directory", "a link elsewhere", "an empty file"],
)
def test_a_workdir_whose_git_is_another_cannot_be_judged(
    lab: Lab, swap: str, flags: tuple[str, ...]
) -> None:
    top = work(lab, f"echo unique >new.txt; {swap}", flags)
    assert only_here(lab)
    assert workspace(lab, "remove", "1", *flags[4:][-2:]).returncode != 0
    assert collected(lab)["action"] != "removed"
    assert (top / "workdir" / "new.txt").is_file()


def test_a_repository_in_its_place_that_calls_nothing_a_change_hides_nothing(lab: Lab) -> None:
    script = "echo unique >new.txt; rm .git; git init -q; echo '*' >.git/info/exclude"
    top = work(lab, script)
    assert only_here(lab)
    assert workspace(lab, "remove", "1").returncode != 0
    assert (top / "workdir" / "new.txt").is_file()


def test_a_home_of_the_users_that_is_named_with_a_tilde_is_looked_at(
    lab: Lab, user_home: Path
) -> None:
    (user_home / ".codex/of-a-new-codex").write_text("x")
    lab.environ["CODEX_HOME"] = "~/.codex"
    work(lab, "echo x > ../codex-home/of-a-new-codex", PLAIN)
    assert only_here(lab) == []
