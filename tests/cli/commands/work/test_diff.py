"""``codexlab diff`` shows all of an issue's work, and changes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.git.repositories import git
from support.lab import Lab
from support.terminal.program import on_terminal

WORK = (
    "echo committed >new.txt && git add new.txt && git -c user.name=a -c user.email=a commit -qm 1"
    " && echo edited >README.md && mkdir d && echo staged >d/s && git add d"
    " && printf 'a\\033[31mred\\n' >d/u && touch x.o"
)


@pytest.fixture
def worked(lab: Lab) -> Lab:
    (lab.cwd / ".gitignore").write_text("*.o\n")
    git(lab.cwd, "add", "-A")
    git(lab.cwd, "commit", "-q", "-m", "rules")
    done = lab.run(["--issue", "7"], ["sh", "-c", WORK])
    assert done.returncode == 0, done.stderr
    return lab


def names(lab: Lab, *words: str) -> list[str]:
    done = lab.codexlab("diff", "7", "--name-only", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_committed_staged_edited_and_new_files_are_shown_and_ignored_ones_are_not(
    worked: Lab,
) -> None:
    assert names(worked) == ["README.md", "d/s", "d/u", "new.txt"]
    text = worked.codexlab("diff", "7").stdout
    for line in ("+committed", "+edited", "+staged", "+a\x1b[31mred", "-# sample"):
        assert line in text.splitlines()
    assert "4 files changed" in worked.codexlab("diff", "7", "--stat").stdout
    assert names(worked, "--", "d") == ["d/s", "d/u"]


def test_json_tells_each_file_with_its_lines(worked: Lab) -> None:
    said = json.loads(worked.codexlab("diff", "7", "--json").stdout)
    assert said["branch"] == "codexlab/7/generic"
    assert said["base"] == git(worked.cwd, "rev-parse", "HEAD")
    files = {each.pop("path"): each for each in said["files"]}
    assert files["README.md"] == {"status": "M", "added": 1, "removed": 1}
    assert files["new.txt"] == {"status": "A", "added": 1, "removed": 0}


def state_of(workdir: Path) -> dict[str, object]:
    git_dir = Path(git(workdir, "rev-parse", "--absolute-git-dir"))
    common = git_dir.parent.parent
    index = git_dir / "index"
    return {
        "index": (index.read_bytes(), index.stat().st_mtime_ns, index.stat().st_ino),
        "git": sorted(os.fspath(path) for path in common.rglob("*")),
        "files": sorted((str(path), path.lstat().st_mtime_ns) for path in workdir.rglob("*")),
    }


def test_a_diff_changes_nothing(worked: Lab) -> None:
    workdir = worked.workspace / "workdir"
    # As if git had looked long ago: its next look would note the times of all files.
    os.utime(workdir / "README.md", (1, 1))
    before = state_of(workdir)
    for words in ((), ("--stat",), ("--json",)):
        assert worked.codexlab("diff", "7", *words).returncode == 0
    assert state_of(workdir) == before
    assert not (Path(worked.environ["HOME"]) / ".local/state/codexlab/looks").exists()


def test_a_change_that_the_index_was_told_to_pass_over_is_shown(worked: Lab) -> None:
    workdir = worked.workspace / "workdir"
    git(workdir, "checkout", "-q", "README.md")
    git(workdir, "update-index", "--assume-unchanged", "README.md")
    (workdir / "README.md").write_text("hidden\n")
    assert "README.md" in names(worked)
    git(workdir, "update-index", "--no-assume-unchanged", "--skip-worktree", "README.md")
    assert "README.md" in names(worked)


def test_an_index_that_cannot_be_read_hides_nothing(worked: Lab) -> None:
    index = Path(git(worked.workspace / "workdir", "rev-parse", "--absolute-git-dir"), "index")
    index.write_bytes(b"DIRC garbage")
    done = worked.codexlab("diff", "7", "--name-only")
    assert done.stdout.splitlines() == ["README.md", "d/s", "d/u", "new.txt"]


def test_what_the_user_has_merged_meanwhile_is_no_longer_shown(worked: Lab) -> None:
    git(worked.cwd, "merge", "-q", "codexlab/7/generic")
    assert names(worked) == ["README.md", "d/s", "d/u"]


def test_a_forged_base_hides_no_commit(worked: Lab) -> None:
    record = worked.workspace / ".codexlab/workspace.json"
    values = json.loads(record.read_text())
    values["base"] = git(worked.workspace / "workdir", "rev-parse", "HEAD")
    record.write_text(json.dumps(values))
    assert "new.txt" in names(worked)


def test_a_repository_within_is_named_and_left_out(worked: Lab) -> None:
    inner = worked.workspace / "workdir/inner"
    git(worked.workspace / "workdir", "init", "-q", str(inner))
    done = worked.codexlab("diff", "7", "--name-only")
    assert "inner" not in done.stdout
    assert done.stderr == "codexlab: inner/: a repository of its own, left out\n"


def test_what_files_hold_does_not_reach_a_terminal_unseen(worked: Lab) -> None:
    program = str(worked.program.with_name("codexlab"))
    shown = on_terminal([program, "diff", "7", "--no-pager"], worked.environ)
    assert "a␛[31mred" in shown
    assert "\x1b[32m+edited" in shown


def test_wrong_input_is_one_line(lab: Lab) -> None:
    assert lab.run(["--issue", "7"], ["true"]).returncode == 0
    for words, said in (
        (("diff", "8"), "issue 8: no workspace below"),
        (("diff",), "Missing argument 'ISSUE'"),
        (("diff", "7", "--stat", "--json"), "exclude each other"),
        (("diff", "7", "--agent", "nobody"), "no such agent"),
    ):
        done = lab.codexlab(*words)
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith("codexlab: ")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_workdir_whose_git_leads_elsewhere_is_not_followed(worked: Lab, scratch: Path) -> None:
    workdir = worked.workspace / "workdir"
    git(scratch, "init", "-q", "other")
    (workdir / ".git").write_text(f"gitdir: {scratch}/other/.git\n")
    done = worked.codexlab("diff", "7")
    assert (done.returncode, done.stdout) == (125, "")
    assert "not followed" in done.stderr
