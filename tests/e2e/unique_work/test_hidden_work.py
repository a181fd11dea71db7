"""Work that an agent's settings, index or ignore rules hide is found before it is deleted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab
from support.workspace.unique_work import only_here, work, workspace

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

SAME_TIME = (
    "touch -d 2020-01-01 README.md; git update-index --refresh;"
    " printf '%-*s' $(stat -c %s README.md) x > README.md; touch -d 2020-01-01 README.md"
)
OWN = "git init -q r; cd r; git config user.name me; git config user.email me@localhost; "


HIDDEN = {
    "by another case of letters": "git config core.ignoreCase true; mkdir D; echo x > readme.md",
    "by times that are not looked at": "git config core.trustctime false;"
    f" git config core.checkStat minimal; {SAME_TIME}",
    "by modes that are not looked at": "git config core.fileMode false; chmod +x README.md",
    "by the repository's own exclude file": "echo x > f;"
    " echo f >> $(git rev-parse --git-common-dir)/info/exclude",
    "by rules that ignore themselves": "mkdir d; echo '*' > d/.gitignore; echo x > d/f",
    "by a file of rules the configuration names": "echo '*' > ../rules.tmp;"
    " git config core.excludesFile $PWD/../rules.tmp; echo x > f",
    "by an attribute that keeps what a keyword holds": "echo 'README.md ident' >"
    " $(git rev-parse --git-common-dir)/info/attributes; echo '$Id: x $' >> README.md",
    "by what status is told to show": "git config status.showUntrackedFiles no; echo x > f",
}


@pytest.mark.parametrize("script", HIDDEN.values(), ids=HIDDEN)
def test_what_is_hidden_from_git_keeps_the_workspace(script: str, lab: Lab) -> None:
    root = work(lab, script)
    assert [line for line in only_here(lab) if "beside" not in line] != []
    assert workspace(lab, "remove", "1").returncode == 125
    assert root.exists()


def test_what_committed_and_the_users_own_rules_ignore_keeps_nothing(
    lab: Lab, user_home: Path
) -> None:
    (lab.cwd / ".gitignore").write_text("*.o\n/out/\n!keep.o\n")
    (lab.cwd / "sub").mkdir()
    (lab.cwd / "sub" / ".gitignore").write_text("/here\ndeep/*.tmp\n")
    git(lab.cwd, "add", ".")
    git(lab.cwd, "commit", "-q", "-m", "rules")
    (user_home / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    (user_home / "mine").write_text("*.swp\n")
    lab.environ["GIT_CONFIG_GLOBAL"] = str(user_home / ".gitconfig")
    work(
        lab,
        "echo x > a.o; mkdir -p out sub/deep sub/x; echo '*' > out/.gitignore; echo x > out/f;"
        " echo x > sub/here; echo x > sub/deep/a.tmp; echo x > sub/x/b.o; echo x > .f.swp",
    )
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0


def test_directories_that_tools_make_again_keep_nothing(lab: Lab) -> None:
    tag = "Signature: 8a477f597d28d172789f06886806bc55"
    work(
        lab,
        "python3 -m venv --without-pip .venv; echo '*' > .venv/.gitignore; mkdir .cache_of_tests;"
        f" cd .cache_of_tests; echo '{tag}' > CACHEDIR.TAG; echo '*' > .gitignore; echo x > f",
    )
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0


WAITING = {
    "an object": "f=$(git rev-parse HEAD | sed 's,^..,&/,'); f=.git/objects/$f; rm -f $f;"
    " mkfifo $f",
    "a pack's index": "git gc -q; f=$(ls .git/objects/pack/*.idx); rm -f $f; mkfifo $f",
}


@pytest.mark.parametrize("script", WAITING.values(), ids=WAITING)
def test_a_fifo_that_git_would_wait_for_is_seen_at_once(script: str, lab: Lab) -> None:
    for name in ("one", "two", "three"):
        inner = OWN.replace("init -q r; cd r", f"init -q {name}; cd {name}")
        work(lab, f"{inner} echo x > f; git add f; git commit -qm x; {script}")
    start = time.monotonic()
    lines = only_here(lab)
    assert time.monotonic() - start < 25  # each that is waited for costs ten
    assert sum("is not a file" in line for line in lines) >= 3, lines
    assert workspace(lab, "remove", "1").returncode == 125


def test_git_that_waits_in_many_repositories_has_one_time_together(lab: Lab) -> None:
    work(
        lab,
        f"for n in 1 2 3 4 5; do (mkdir n$n; cd n$n; {OWN} mkfifo .gitignore); done",
    )
    start = time.monotonic()
    done = workspace(lab, "gc", "--idle", "0s", "--json")
    assert time.monotonic() - start < 45  # and not ten for each
    (found,) = json.loads(done.stdout)["workspaces"]
    assert any("cannot be judged" in line for line in found["findings"])
    assert found["action"] == "keep"
