"""What setup writes: an ignored user.bazelrc and directories, nothing else."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexlab.env.artifact_root import ArtifactRoot
from codexlab.env.artifacts.bazel import bazel_lines, merge_bazelrc
from codexlab.env.artifacts.errors import SetupRefused
from codexlab.env.artifacts.repository import find_repository
from codexlab.env.artifacts.setup import SetupPlan, apply_setup, plan_setup
from codexlab.env.targets.layout import Layout


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def plan(root: Path, checkout: Path) -> SetupPlan:
    repository = find_repository(checkout)
    assert repository is not None
    return plan_setup(ArtifactRoot(root), Layout(root, repository.name, "host"), repository)


def tree(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory)) for path in directory.rglob("*") if path.name != "index"
    }


def test_a_plan_changes_nothing(root: Path, source_repo: Path) -> None:
    before = tree(source_repo)
    planned = plan(root, source_repo)
    assert planned.changes
    assert tree(source_repo) == before
    assert list(root.iterdir()) == []


def test_applied_it_is_ignored_by_git_and_idempotent(root: Path, source_repo: Path) -> None:
    apply_setup(plan(root, source_repo))
    assert (source_repo / "user.bazelrc").is_file()
    assert git(source_repo, "status", "--porcelain") == ""
    assert "/user.bazelrc" in (source_repo / ".git/info/exclude").read_text().splitlines()
    again = plan(root, source_repo)
    assert not again.changes
    apply_setup(again)
    assert (source_repo / ".git/info/exclude").read_text().count("/user.bazelrc") == 1


@pytest.mark.parametrize("name", ["info", "info/exclude"])
def test_a_link_in_the_place_of_the_exclude_file_is_not_followed(
    root: Path, source_repo: Path, tmp_path: Path, name: str
) -> None:
    place, outside = source_repo / ".git" / name, tmp_path / "outside"
    place.rename(outside)
    before = tree(outside), (outside / "exclude" if name == "info" else outside).read_bytes()
    place.symlink_to(outside)
    with pytest.raises(SetupRefused, match="is a link, which is not followed"):
        apply_setup(plan(root, source_repo))
    assert (
        tree(outside),
        (outside / "exclude" if name == "info" else outside).read_bytes(),
    ) == before
    assert not (source_repo / "user.bazelrc").exists()
    assert list(root.iterdir()) == []


def test_a_pipe_as_bazels_version_is_not_waited_for(root: Path, source_repo: Path) -> None:
    os.mkfifo(source_repo / ".bazelversion")
    signal.alarm(20)
    try:
        assert plan(root, source_repo).changes
    finally:
        signal.alarm(0)


def test_a_relative_state_directory_is_no_place_for_a_backup(
    root: Path, source_repo: Path, monkeypatch: pytest.MonkeyPatch, user_home: Path
) -> None:
    (source_repo / "user.bazelrc").write_text("build --jobs=2\n")
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.chdir(source_repo)
    backup = apply_setup(plan(root, source_repo))
    assert backup is not None
    assert backup.parent == user_home / ".local/state/codexlab/backups"
    assert not (source_repo / "state").exists()


def test_where_a_rule_ignores_it_already_no_rule_is_added(root: Path, source_repo: Path) -> None:
    (source_repo / ".gitignore").write_text("*.bazelrc\n")
    planned = plan(root, source_repo)
    assert planned.exclude is None


def test_in_a_linked_worktree_the_main_repositorys_exclude_is_used(
    root: Path, source_repo: Path, scratch: Path
) -> None:
    linked = scratch / "linked"
    git(source_repo, "worktree", "add", "-q", "-b", "topic", str(linked))
    main, side = plan(root, source_repo), plan(root, linked)
    assert side.exclude == source_repo / ".git/info/exclude"
    apply_setup(side)
    assert git(linked, "status", "--porcelain") == ""
    bases = [
        line
        for p in (main, side)
        for line in (p.rc_text or "").splitlines()
        if "output_base" in line
    ]
    assert len(set(bases)) == 2


def test_what_the_user_wrote_is_kept_and_backed_up(
    root: Path, source_repo: Path, user_home: Path
) -> None:
    rc = source_repo / "user.bazelrc"
    original = b"# mine \xff\nbuild --jobs=2"
    rc.write_bytes(original)
    backup = apply_setup(plan(root, source_repo))
    assert backup is not None
    assert backup.read_bytes() == original
    assert backup.is_relative_to(user_home)
    assert rc.read_bytes().startswith(original + b"\n# BEGIN codexlab")
    rc.write_bytes(rc.read_bytes() + b"build --keep_going\n")
    edited = rc.read_bytes()
    assert plan(root, source_repo).rc_text is None
    moved = root.parent / "moved"
    moved.mkdir()
    apply_setup(plan(moved, source_repo))
    assert rc.read_bytes() == edited.replace(str(root).encode(), str(moved).encode())


def test_a_tracked_file_is_never_written(root: Path, source_repo: Path) -> None:
    (source_repo / "user.bazelrc").write_text("build --jobs=2\n")
    git(source_repo, "add", "-f", "user.bazelrc")
    with pytest.raises(SetupRefused, match="git tracks this file"):
        plan(root, source_repo)


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_a_link_or_a_directory_in_its_place_is_refused(
    root: Path, source_repo: Path, kind: str
) -> None:
    rc = source_repo / "user.bazelrc"
    rc.symlink_to(root / "elsewhere") if kind == "link" else rc.mkdir()
    with pytest.raises(SetupRefused, match="not a regular file"):
        plan(root, source_repo)


@pytest.mark.parametrize("text", ["# END codexlab artifacts\n", "{b}\n{b}\n{e}\n", "{e}\n{b}\n"])
def test_markers_that_do_not_pair_up_are_refused(root: Path, text: str) -> None:
    from codexlab.env.artifacts.bazel import BEGIN, END

    with pytest.raises(SetupRefused, match="do not pair up"):
        merge_bazelrc(text.format(b=BEGIN, e=END), ("build",), "rc")


def parse_bazelrc(text: str) -> list[list[str]]:
    """Bazel's grammar (rc_file.cc, Bazel 7): a backslash at a line's end continues it; words
    are split at blanks, quotes group, a backslash keeps the next character, # begins a comment."""
    lines = text.replace("\\\n", "").split("\n")
    return [words for line in lines if (words := shlex.split(line, comments=True))]


PATH_TEXT = st.text(st.characters(exclude_characters="\0\n\r/", codec="utf-8"), min_size=1)


@given(PATH_TEXT.filter(lambda text: text not in (".", "..")), PATH_TEXT)
def test_the_lines_are_bazels_grammar_whatever_the_path_holds(name: str, worktree: str) -> None:
    layout = Layout(Path("/mnt") / name, "app", "host")
    parsed = parse_bazelrc("\n".join(bazel_lines(layout, worktree)))
    assert [words[0] for words in parsed] == ["common"] * 3 + ["startup"] * 2
    flags = dict(words[1].split("=", 1) for words in parsed)
    assert flags["--disk_cache"] == str(layout.bazel("disk-cache"))
    assert flags["--output_base"] == str(layout.bazel("output-base") / worktree)
    assert all(len(words) == 2 for words in parsed)


@pytest.mark.parametrize(
    ("version", "known"),
    [
        (None, True),
        ("8.3.0\n", True),
        ("10.0.1", True),
        ("latest", True),
        ("8.2.9", False),
        ("7.4.1\n", False),
    ],
)
def test_an_older_bazel_gets_no_option_it_does_not_know(
    root: Path, source_repo: Path, version: str | None, known: bool
) -> None:
    if version is not None:
        (source_repo / ".bazelversion").write_text(version)
    assert ("--repo_contents_cache" in (plan(root, source_repo).rc_text or "")) == known


def test_a_workspace_that_does_not_read_the_file_is_told_how(root: Path, source_repo: Path) -> None:
    (source_repo / ".bazelrc").write_text("common --color=no\n")
    assert any(
        "try-import %workspace%/user.bazelrc" in note for note in plan(root, source_repo).notes
    )
    (source_repo / ".bazelrc").write_text("try-import %workspace%/user.bazelrc\n")
    assert plan(root, source_repo).notes == ()
