"""The git directory of a directory of the user's is on record, and a change is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.git.repositories import git, make_repository
from support.lab import Lab
from support.users.callers import Caller, place_for

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python


def shown(lab: Lab, cwd: Path) -> object:
    done = lab.codexlab("workspace", "show", "1", "--json", cwd=cwd)
    return json.loads(done.stdout)[0]["git"]


@pytest.mark.parametrize("way", ["replaced", "led elsewhere"])
def test_a_look_does_not_follow_another_one_and_a_launch_says_so_once(
    lab: Lab, scratch: Path, way: str
) -> None:
    own = make_repository(scratch / "own")
    if way == "led elsewhere":
        git(own, "worktree", "add", "-q", "-b", "mine", str(scratch / "linked"))
        own = scratch / "linked"
    flags = ["--issue", "1", "--project", "p", "--workdir", str(own)]
    for _ in range(2):
        done = lab.run(flags, ["true"])
        assert (done.returncode, "git directory" in done.stderr) == (0, False), done.stderr
    plant = "mv .git aside && git init -q other && mv other/.git ."
    if way == "led elsewhere":
        plant = "mv .git aside && git init -q other && echo 'gitdir: other/.git' >.git"
    assert lab.run(flags, ["sh", "-c", plant]).returncode == 0
    assert "not followed" in str(shown(lab, lab.cwd))
    done = lab.run(flags, ["true"])
    assert (done.returncode, done.stderr.count(": its git directory was ")) == (0, 1), done.stderr
    done = lab.run(flags, ["true"])
    assert (done.returncode, "git directory" in done.stderr) == (0, False), done.stderr
    assert "not followed" not in str(shown(lab, lab.cwd))


OTHER = (
    "git init -q other && git -C other -c user.name=a -c user.email=a@localhost commit -q"
    " --allow-empty -m other && rm -rf .git"
)
WAYS = {
    "replaced": f"{OTHER} && mv other/.git .git",
    "led elsewhere": f"{OTHER} && echo 'gitdir: other/.git' >.git",
    "repository exchanged": (
        "e=$(git rev-parse --git-dir) && git init -q other && cp -r $e/. other/.git/"
        ' && echo "$PWD/other/.git" >$e/commondir'
    ),
    "gone": "rm .git",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["linked", "given"])
def test_gc_and_remove_judge_by_what_is_on_record_until_somebody_has_looked(
    kind: str, way: str, caller: Caller
) -> None:
    flags, cwd = place_for(caller, kind)
    assert caller.launch(flags, "sh", "-c", WAYS[way], cwd=cwd).returncode == 0
    shown_all = caller.codexlab("workspace", "show", "1", "--json", cwd=cwd)
    (workspace,) = json.loads(shown_all.stdout)
    assert "not followed" in workspace["git"]
    listed = caller.codexlab("workspace", "gc", "--idle", "0s", "--apply", "--json", cwd=cwd)
    (verdict,) = json.loads(listed.stdout)["workspaces"]
    (told,) = verdict["findings"]
    assert (verdict["action"], "not followed" in told) == ("keep", True), told
    words = ["workspace", "remove", "1", "--project", workspace["project"]]
    kept = caller.codexlab(*words, cwd=cwd)
    assert (kept.returncode, len(kept.stderr.splitlines())) == (125, 1), kept.stderr
    assert told in kept.stderr
    if way == "repository exchanged":
        remedy = told.split("run '")[1].split("'")[0]
        assert caller.run(["sh", "-c", remedy], cwd=cwd).returncode == 0
    elif way == "gone":
        words.append("--force")
    else:
        # The project's name comes from the repository, so this is another workspace.
        for times in (1, 0):
            again = caller.launch(flags, "true", cwd=cwd)
            assert again.returncode == 0, again.stderr
            assert again.stderr.count(": its git directory was ") == times, again.stderr
    gone = caller.codexlab(*words, cwd=cwd)
    assert gone.returncode == 0, gone.stderr
    assert (caller.home / "linked").is_dir()


def test_a_directory_of_yours_that_is_gone_keeps_nothing(lab: Lab, scratch: Path) -> None:
    git(lab.cwd, "worktree", "add", "-q", "-b", "mine", str(scratch / "linked"))
    assert lab.run(["--issue", "1"], ["true"], cwd=scratch / "linked").returncode == 0
    git(lab.cwd, "worktree", "remove", str(scratch / "linked"))
    done = lab.codexlab("workspace", "remove", "1")
    assert done.returncode == 0, done.stderr


def test_what_a_record_of_the_workspace_says_is_not_believed(lab: Lab, scratch: Path) -> None:
    """An agent without a sandbox can rewrite ``workspace.json`` of its own workspace."""
    git(lab.cwd, "worktree", "add", "-q", "-b", "mine", str(scratch / "linked"))
    script = (
        f"{WAYS['led elsewhere']} && w=$(dirname $CODEX_HOME)/.codexlab/workspace.json &&"
        ' sed -i \'s/"git_dir".*/"git_dir": null,/; /"git_inode"/,/]/d\' $w'
    )
    flags = ["--issue", "1", "--project", "p", "--agent", "codex"]
    done = lab.run(flags, ["sh", "-c", script], cwd=scratch / "linked")
    assert done.returncode == 0, done.stderr
    assert json.loads((lab.workspace / ".codexlab/workspace.json").read_text())["git_dir"] is None
    assert "not followed" in str(shown(lab, lab.cwd))


def test_a_record_that_names_no_directory_any_more_hides_no_change_from_remove(
    lab: Lab, scratch: Path
) -> None:
    git(lab.cwd, "worktree", "add", "-q", "-b", "mine", str(scratch / "linked"))
    forget = (
        """ && sed -i '/"kind":/d; /"workdir":/d' $(dirname $CODEX_HOME)/.codexlab/workspace.json"""
    )
    script = WAYS["led elsewhere"] + forget
    flags = ["--issue", "1", "--project", "p", "--agent", "codex"]
    assert lab.run(flags, ["sh", "-c", script], cwd=scratch / "linked").returncode == 0
    assert json.loads((lab.workspace / ".codexlab/workspace.json").read_text()).get("kind") is None
    done = lab.codexlab("workspace", "remove", "1")
    assert (done.returncode, "not followed" in done.stderr) == (125, True), done.stderr
