"""``codexlab merge`` brings an issue's branch into the user's, or changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.git.repositories import git
from support.git.users import write_users_config
from support.lab import Lab

SCRIPT = "echo edited >README.md && mkdir d && echo new >d/new.txt"


@pytest.fixture
def worked(lab: Lab) -> Lab:
    write_users_config(lab)
    (lab.cwd / ".gitignore").write_text("*.o\n")
    (lab.cwd / "other.txt").write_text("other\n")
    git(lab.cwd, "add", "-A")
    git(lab.cwd, "commit", "-q", "-m", "more")
    done = lab.run(["--issue", "7"], ["sh", "-c", SCRIPT])
    assert done.returncode == 0, done.stderr
    assert lab.codexlab("commit", "7", "-m", "Do it").returncode == 0
    return lab


def commit_in(place: Path, name: str, text: str) -> None:
    (place / name).write_text(text)
    git(place, "add", name)
    git(place, "commit", "-q", "-m", f"mine: {name}")


def state(lab: Lab) -> tuple[str, ...]:
    objects = sorted(str(path) for path in (lab.cwd / ".git/objects").rglob("*"))
    return (git(lab.cwd, "status", "--porcelain"), git(lab.cwd, "for-each-ref"), *objects)


def refused(lab: Lab, *words: str, status: int = 125) -> str:
    """Merge in vain; return the line that says why, once nothing has changed."""
    before = state(lab)
    done = lab.codexlab("merge", "7", *words)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    assert state(lab) == before
    return done.stderr


def merged(lab: Lab, *words: str) -> str:
    done = lab.codexlab("merge", "7", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_branch_without_commits_of_its_own_is_moved_forward(worked: Lab) -> None:
    (worked.cwd / "other.txt").write_text("not committed\n")
    assert ": fast-forward, now at" in merged(worked, "--ff-only")
    assert git(worked.cwd, "log", "-1", "--format=%s", "main") == "Do it"
    assert git(worked.cwd, "status", "--porcelain") == " M other.txt"
    assert (worked.cwd / "d/new.txt").read_text() == "new\n"
    assert "main" in git(worked.cwd, "reflog", "show", "main")
    assert merged(worked) == "nothing to merge: main holds all of codexlab/7/generic\n"


def test_two_histories_become_one_in_a_merge_commit(worked: Lab) -> None:
    commit_in(worked.cwd, "other.txt", "mine\n")
    assert "without --ff-only" in refused(worked, "--ff-only")
    said = json.loads(worked.codexlab("merge", "7", "--json").stdout)
    assert (said["result"], said["into"]) == ("merge commit", "main")
    assert git(worked.cwd, "status", "--porcelain") == ""
    assert git(worked.cwd, "log", "-1", "--format=%an|%s") == (
        "Me Myself|Merge branch 'codexlab/7/generic' into main"
    )
    assert (worked.cwd / "README.md").read_text() == "edited\n"


def test_squashed_work_is_one_commit_and_home(worked: Lab) -> None:
    commit_in(worked.cwd, "other.txt", "mine\n")
    assert "squashed into one commit" in merged(worked, "--squash")
    assert git(worked.cwd, "log", "-2", "--format=%s") == "Do it\nmine: other.txt"
    assert git(worked.cwd, "status", "--porcelain") == ""
    assert "nothing to merge" in merged(worked, "--squash")
    done = worked.codexlab("workspace", "remove", "7")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("way", ["squashed", "rebased", "in part"])
def test_work_of_several_commits_that_came_home_otherwise_may_go(worked: Lab, way: str) -> None:
    (worked.workspace / "workdir/more.txt").write_text("more\n")
    assert worked.codexlab("commit", "7", "-m", "Do more").returncode == 0
    commit_in(worked.cwd, "other.txt", "mine\n")
    if way == "squashed":
        merged(worked, "--squash")
    else:
        first = "codexlab/7/generic~2" if way == "rebased" else "codexlab/7/generic~1"
        git(worked.cwd, "cherry-pick", f"{first}..codexlab/7/generic")
    commit_in(worked.cwd, "other.txt", "mine, again\n")
    listed = worked.codexlab("workspace", "gc", "--idle", "0s").stdout
    assert ("would go" in listed) == (way != "in part")
    done = worked.codexlab("workspace", "remove", "7")
    assert done.returncode == (125 if way == "in part" else 0), done.stderr


def test_a_conflict_names_the_files_and_changes_nothing(worked: Lab) -> None:
    commit_in(worked.cwd, "README.md", "mine\n")
    assert "conflicts in README.md; nothing was changed" in refused(worked)
    assert "conflicts in README.md" in refused(worked, "--squash")


def test_what_the_user_has_in_the_way_is_never_touched(worked: Lab) -> None:
    for name in ("README.md", "d/new.txt", "d"):
        git(worked.cwd, "checkout", "-q", "README.md")
        git(worked.cwd, "clean", "-qfd")
        place = worked.cwd / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("mine\n")
        assert f"has changes of its own in {name};" in refused(worked)
        assert place.read_text() == "mine\n"


def test_an_ignored_file_in_the_way_is_never_touched(worked: Lab) -> None:
    (worked.workspace / "workdir/.gitignore").write_text("")
    (worked.workspace / "workdir/a.o").write_text("theirs\n")
    assert worked.codexlab("commit", "7").returncode == 0
    (worked.cwd / "a.o").write_text("mine\n")
    assert "changes of its own in a.o;" in refused(worked)


def test_a_branch_without_a_checkout_is_moved_alone(worked: Lab) -> None:
    git(worked.cwd, "branch", "release")
    head = git(worked.cwd, "rev-parse", "HEAD")
    assert "into release: fast-forward" in merged(worked, "--into", "release")
    assert git(worked.cwd, "log", "-1", "--format=%s", "release") == "Do it"
    assert (git(worked.cwd, "rev-parse", "HEAD"), git(worked.cwd, "status", "--porcelain")) == (
        head,
        "",
    )


def test_a_linked_worktree_on_the_branch_is_brought_there(worked: Lab, scratch: Path) -> None:
    side = scratch / "side"
    git(worked.cwd, "worktree", "add", "-q", "-b", "side", str(side))
    commit_in(side, "side.txt", "mine\n")
    assert f"into side ({side}): merge commit" in merged(worked, "--into", "side")
    assert git(side, "status", "--porcelain") == ""
    assert (side / "d/new.txt").exists()


def test_wrong_input_is_one_line(worked: Lab) -> None:
    assert "no such branch" in refused(worked, "--into", "nowhere")
    assert "cannot be the name of a branch" in refused(worked, "--into", "../main")
    assert "holds the work already" in refused(worked, "--into", "codexlab/7/generic")
    assert "exclude each other" in refused(worked, "--squash", "--ff-only")


def test_what_is_not_committed_or_not_finished_is_named(worked: Lab) -> None:
    (worked.workspace / "workdir/README.md").write_text("once more\n")
    assert "run 'codexlab commit 7' first" in refused(worked)
    git(worked.workspace / "workdir", "checkout", "-q", "README.md")
    (worked.cwd / ".git/MERGE_HEAD").write_text(git(worked.cwd, "rev-parse", "HEAD") + "\n")
    assert "a merge is under way" in refused(worked)
    (worked.cwd / ".git/MERGE_HEAD").unlink()
    (worked.cwd / ".git/index.lock").touch()
    assert "index.lock" in refused(worked)


def test_a_checkout_whose_files_lie_elsewhere_is_left_to_git(worked: Lab, scratch: Path) -> None:
    git(worked.cwd, "config", "core.worktree", str(worked.cwd))
    assert "its working tree lies elsewhere" in refused(worked)


def test_a_workspace_without_a_repository_of_the_users_is_told(lab: Lab) -> None:
    write_users_config(lab)
    assert lab.run(["--issue", "7", "--no-repo"], ["sh", "-c", SCRIPT]).returncode == 0
    assert lab.codexlab("commit", "7").returncode == 0
    done = lab.codexlab("merge", "7")
    assert done.returncode == 125
    assert "no branch of yours" in done.stderr


def test_files_of_a_filter_that_only_the_repository_names_are_refused(worked: Lab) -> None:
    git(worked.cwd, "config", "filter.crypt.smudge", "cat")
    (worked.cwd / ".git/info").mkdir(exist_ok=True)
    (worked.cwd / ".git/info/attributes").write_text("*.txt filter=crypt\n")
    assert "d/new.txt: is stored by filter crypt" in refused(worked)
