"""What only a git directory holds keeps a workspace: names, tags, submodules, odd references.

An agent makes it, and ``codexlab workspace`` is asked to remove the workspace.
"""

from __future__ import annotations

import os

import pytest
from support.git.repositories import git
from support.lab import Lab
from support.users.unprivileged import Unprivileged, give
from support.workspace.unique_work import ME, PLAIN, WORKTREE, work, workspace

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

PASS = ("--pass", "SAMPLE")
HOME = "git remote add origin https://x.invalid/y; git update-ref refs/remotes/origin/m HEAD; "
BASE = f"{ME}echo 1 > f; git add f; git commit -qm one; {HOME}"
ONLY = "git commit -q --allow-empty -m only; "
LINK = "git update-index --add --cacheinfo 160000,0123456789012345678901234567890123456789,sub; "
SUB = f"{LINK}{BASE}mkdir -p sub; "
NEST = "echo n > .gitignore; git add .gitignore; "
DIR = "d=$(git rev-parse --git-dir); "
OTHER = "$(git commit-tree -p HEAD -m only HEAD^{tree})"
BARE = (
    f"{NEST}{BASE}git init -q --bare n/x; cd n/x; {ME}"
    " git update-ref refs/heads/m $(git commit-tree -m x $(git mktree < /dev/null)); "
)
HIDDEN = "echo '*' > d/.gitignore; echo x > d/work.py"
IN_PLAIN = {
    "a file in .git": f"{BASE}echo x > .git/work.py",
    "a file called like git's": f"{BASE}echo x > .git/NOTES",
    "a file among hooks": f"{BASE}echo x > .git/hooks/work.py",
    "a file among objects": f"{BASE}echo x > .git/objects/work.py",
    "a file among logs": f"{BASE}echo x > .git/logs/work.py",
    "a repository among logs": f"{BASE}git init -q .git/logs/r; cd .git/logs/r; {ME}{ONLY}",
    "a reference of another name": f"{BASE}git update-ref MY_HEAD {OTHER}",
    "a tag with a text": f"{BASE}git tag -a x -m unique",
    "a tag of a file": f"{BASE}git tag x $(echo x | git hash-object -w --stdin)",
    "a reference to a tree": f"{BASE}git update-ref refs/x/y $(git mktree < /dev/null)",
    "a tag in a repository below": f"git init -q; {NEST}{BASE}mkdir n; cd n; git init -q; {BASE}"
    "git tag -a x -m unique",
    "a tag in a clone": f"{NEST}{BASE}git clone -q file://$SAMPLE n; cd n; {ME}"
    "env -u GIT_COMMITTER_DATE git tag -a x -m unique",
    "files in a submodule": f"{SUB}echo x > sub/work.py",
    "a file in a submodule's place": f"{SUB}rmdir sub; echo x > sub",
    "a submodule that is staged": f"{BASE}{LINK}",
    "files in a submodule of a repository below": f"{NEST}{BASE}mkdir n; cd n; git init -q; {SUB}"
    "echo x > sub/work.py",
    "references behind a link": f"{ME}{ONLY}mv .git/refs .git/r; ln -s r .git/refs",
    "objects behind a link": f"{ME}{ONLY}mv .git/objects .git/o; ln -s o .git/objects",
    "a bare repository without HEAD": f"{BARE}rm HEAD",
    "a bare repository without refs": f"{BARE}git pack-refs --all; rm -r refs",
    "a bare repository of objects and packed references": f"{BARE}git pack-refs --all;"
    " rm -r HEAD refs",
    "a bare repository without HEAD and packs": f"{BARE}rm -r HEAD objects/pack",
    "a HEAD with a blank": f"{BASE}git checkout -q --detach; {ONLY}"
    "printf '%s \\n' $(git rev-parse HEAD) > .git/HEAD",
    "packed references in capitals": f"{BASE}git branch x {OTHER}; git pack-refs --all;"
    " sed -i '/heads.x$/s/^[^ ]*/\\U&/' .git/packed-refs",
    "a rule of one slash": f"printf '/\\n' > .gitignore; git add .gitignore; {BASE}"
    "mkdir d; echo '*' > d/.gitignore; echo x > d/work.py",
    "a rule of a zero byte": f"printf '\\0\\n' > .gitignore; git add .gitignore;"
    f" {BASE}mkdir d; {HIDDEN}",
    "a rule of a slash and a zero byte": "mkdir s; printf '/\\0x\\n' > s/.gitignore; git add s;"
    f" {BASE}cd s; mkdir d; {HIDDEN}",
    "a rule in a directory of two lines": "d=$(printf 'd\\ny'); mkdir \"$d\"; echo r >"
    f' "$d/.gitignore"; git add .; {BASE}mkdir d; {HIDDEN}',
    "a rule with a carriage return": "printf 'junk\\r*\\n' > .gitignore; git add .gitignore;"
    f" {BASE}mkdir d; echo '*' > d/.gitignore; echo x > d/work.py",
}
NAMED_ONLY = (
    f"{ME}echo unique > work.py; git update-index --add --info-only work.py;"
    " c=$(git commit-tree -p HEAD -m x $(git write-tree --missing-ok)); git reset -q $c;"
    " git update-ref refs/heads/keep HEAD; "
)
IN_WORKTREE = {
    "files that a commit only names": NAMED_ONLY,
    "files whose objects are gone": f"{ME}echo unique > f; git add f; git commit -qm f;"
    " git branch keep; o=$(git rev-parse HEAD:f | sed 's,^..,&/,');"
    " rm -f $(git rev-parse --git-common-dir)/objects/$o",
    "a file in the entry": f"{DIR}echo x > $d/work.py",
    "a repository in the entry": f"{DIR}git init -q --separate-git-dir $d/sep $TMPDIR/x;"
    f" cd $TMPDIR/x; {ME}{ONLY}",
    "a repository among the entry's references": f"{DIR}mkdir -p $d/refs; git init -q --bare"
    " $d/refs/sep",
    "a repository among the entry's logs": f"{DIR}mkdir -p $d/logs; git init -q --bare $d/logs/sep",
    "a reference of another name": f"{ME}git update-ref MY_HEAD {OTHER}",
    "references behind a link": f"{ME}{DIR}mkdir -p $d/refs $TMPDIR; mkdir $d/refs/w;"
    f" echo {OTHER} > $d/refs/w/x; ln -s w $d/refs/worktree",
    "a reference of great length": f"{ME}{DIR}mkdir -p $d/refs/worktree; {{ echo {OTHER};"
    " head -c 20000000 /dev/zero | tr '\\0' ' '; } > $d/refs/worktree/x",
    "a HEAD with a blank": f"{ME}{DIR}git checkout -q --detach; {ONLY}"
    "printf '%s \\n' $(git rev-parse HEAD) > $d/HEAD",
    "a second entry with a file": f"{DIR}cp -r $d ${{d%/*}}/a; echo x > ${{d%/*}}/a/work.py",
}


@pytest.fixture(autouse=True)
def sample(lab: Lab) -> None:
    """Agents are told where the caller's repository is."""
    lab.environ["SAMPLE"] = str(lab.cwd)


@pytest.mark.parametrize("script", IN_PLAIN.values(), ids=IN_PLAIN)
def test_what_a_plain_workdirs_repository_alone_holds_keeps_it(script: str, lab: Lab) -> None:
    work(lab, script, (*PLAIN, *PASS))
    refused = workspace(lab, "remove", "1")
    assert refused.returncode == 125, refused.stdout
    assert workspace(lab, "remove", "1", "--force").returncode == 0


@pytest.mark.parametrize("script", IN_WORKTREE.values(), ids=IN_WORKTREE)
def test_what_a_worktrees_entry_alone_holds_keeps_it(script: str, lab: Lab) -> None:
    work(lab, script, (*WORKTREE, *PASS))
    refused = workspace(lab, "remove", "1")
    assert refused.returncode == 125, refused.stdout
    workspace(lab, "gc", "--idle", "0s", "--apply")
    assert lab.workspace.is_dir()


def test_a_tag_with_a_text_that_only_the_worktree_has_gets_a_reference(lab: Lab) -> None:
    script = "git tag -a x -m unique; git update-ref refs/worktree/x x; git tag -d x"
    work(lab, ME + script, (*WORKTREE, *PASS))
    workspace(lab, "remove", "1")
    kept = git(lab.cwd, "for-each-ref", "--format=%(objecttype)", "refs/codexlab")
    assert kept == "tag" or lab.workspace.is_dir()


def test_what_git_itself_makes_in_its_directories_keeps_nothing(lab: Lab) -> None:
    git(lab.cwd, "tag", "-a", "v1", "-m", "release")
    script = (
        f"{BASE}git config rerere.enabled true; git checkout -q -b x; {ONLY}git checkout -q -;"
        " git branch -q -D x; git gc -q; git commit-graph write --reachable; git pack-refs --all;"
        " git fetch -q $SAMPLE main; git reset -q --hard; git merge -q HEAD; git fsck > /dev/null;"
        f" git clone -q file://$SAMPLE r; cd r; git repack -adq --write-midx; cd ..; {NEST}"
    ).replace("echo n >", "echo r >")
    work(
        lab,
        f"{script}git commit -qm rules; git update-ref refs/remotes/origin/m HEAD",
        (*PLAIN, *PASS),
    )
    done = workspace(lab, "remove", "1")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs unprivileged already")
@pytest.mark.parametrize("name", ["a file in .git", "a tag with a text", "files in a submodule"])
def test_an_ordinary_users_repository_is_kept_too(
    name: str, lab: Lab, as_nobody: Unprivileged
) -> None:
    home = as_nobody.home
    variables = {**lab.environ, **as_nobody.places(), "CODEX_HOME": str(home / "codex")}
    (home / "codex").mkdir()
    give(home / "codex")
    command = lab.argv(PLAIN, ["sh", "-ec", IN_PLAIN[name]])
    done = as_nobody.run(command, cwd=home, environ=variables)
    assert done.returncode == 0, done.stderr
    program = lab.program.with_name("codexlab")
    refused = as_nobody.run([program, "workspace", "remove", "1"], cwd=home, environ=variables)
    assert refused.returncode == 125, refused.stdout
