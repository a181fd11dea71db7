"""A workspace's own codex home is made, and mended, from the user's shared one."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from support.workspace.homes import config_of

from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.errors import HomeRefused, PathRefused
from codexlab.workspace.paths import WorkspacePaths
from codexlab.workspace.users_codex_home import SessionMode

Snapshot = Callable[[Path], object]
pytestmark = pytest.mark.usefixtures("claim")


def test_a_fresh_home_gets_links_and_a_config(paths: WorkspacePaths, shared: Path) -> None:
    report = heal_codex_home(paths, shared)
    home = paths.codex_home
    for name in ("auth.json", "sessions", "archived_sessions", "thread-writer-locks"):
        assert (home / name).readlink() == shared / name
    assert config_of(paths) == {
        "model": "stub-model",
        "sandbox_workspace_write": {"network_access": True},
    }
    assert "# mine" in (home / "config.toml").read_text()
    assert "config.toml" in report.created
    assert report.warnings == ()


def test_a_healthy_home_changes_no_byte(
    paths: WorkspacePaths, shared: Path, snapshot: Snapshot
) -> None:
    (shared / "AGENTS.md").write_text("rules")
    (shared / "prompts").mkdir()
    heal_codex_home(paths, shared, writable_roots=["/cache"], exclude_names=["KEY"])
    before = snapshot(paths.root), snapshot(shared)
    report = heal_codex_home(paths, shared, writable_roots=["/cache"], exclude_names=["KEY"])
    assert report.healthy
    assert (snapshot(paths.root), snapshot(shared)) == before


def test_lost_links_and_a_lost_config_come_back(paths: WorkspacePaths, shared: Path) -> None:
    heal_codex_home(paths, shared)
    home = paths.codex_home
    (home / "sessions").unlink()
    (home / "auth.json").unlink()
    (home / "auth.json").symlink_to("/nowhere")
    (home / "config.toml").unlink()
    report = heal_codex_home(paths, shared)
    assert set(report.created) | set(report.fixed) == {"sessions", "auth.json", "config.toml"}
    assert (home / "auth.json").readlink() == shared / "auth.json"
    assert (home / "sessions").readlink() == shared / "sessions"
    assert config_of(paths)["sandbox_workspace_write"] == {"network_access": True}


def test_a_regular_auth_file_is_kept_aside(paths: WorkspacePaths, shared: Path) -> None:
    paths.codex_home.mkdir()
    (paths.codex_home / "auth.json").write_text("own")
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "auth.json.aside-1" in warning
    assert (paths.codex_home / "auth.json.aside-1").read_text() == "own"
    assert (paths.codex_home / "auth.json").readlink() == shared / "auth.json"


def test_without_shared_credentials_own_ones_stay(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "auth.json").unlink()
    paths.codex_home.mkdir()
    (paths.codex_home / "auth.json").write_text("own")
    heal_codex_home(paths, shared)
    assert (paths.codex_home / "auth.json").read_text() == "own"


def test_files_in_a_real_sessions_directory_move_and_conflicts_stay(
    paths: WorkspacePaths, shared: Path
) -> None:
    ours, theirs = paths.codex_home / "sessions/2026/01", shared / "sessions/2026/01"
    ours.mkdir(parents=True)
    theirs.mkdir(parents=True)
    for name in ("missing", "same", "differs", "packed"):
        (ours / f"rollout-{name}.jsonl").write_text(name)
    (theirs / "rollout-same.jsonl").write_text("same")
    (theirs / "rollout-differs.jsonl").write_text("other")
    (theirs / "rollout-packed.jsonl.zst").write_text("z")
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "2 files differ" in warning
    assert (paths.codex_home / "sessions").readlink() == shared / "sessions"
    assert (theirs / "rollout-missing.jsonl").read_text() == "missing"
    assert (theirs / "rollout-differs.jsonl").read_text() == "other"
    aside = paths.codex_home / "sessions.aside-1/2026/01"
    kept = ["rollout-differs.jsonl", "rollout-packed.jsonl"]
    assert sorted(path.name for path in aside.iterdir()) == kept


def login(account: str, refreshed: str) -> str:
    """Return an ``auth.json``."""
    return json.dumps({"tokens": {"account_id": account}, "last_refresh": refreshed})


def test_a_login_that_was_renewed_here_is_the_shared_one_from_then_on(
    paths: WorkspacePaths, shared: Path
) -> None:
    older, newer = login("me", "2026-01-01T00:00:00Z"), login("me", "2026-02-01T00:00:00.123456Z")
    (shared / "auth.json").write_text(older)
    heal_codex_home(paths, shared)
    home = paths.codex_home
    (home / "new").write_text(newer)
    (home / "new").rename(home / "auth.json")
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "was renewed here" in warning
    assert (shared / "auth.json").read_text() == newer
    assert (shared / "auth.json").stat().st_mode & 0o777 == 0o600
    assert (home / "auth.json").readlink() == shared / "auth.json"
    aside = home / "auth.json.aside-1"
    assert (aside.read_text(), aside.stat().st_mode & 0o777) == (older, 0o600)


OTHERS = {
    "older": (login("me", "2025-01-01T00:00:00Z"), "older than the shared login"),
    "another account's": (login("you", "2026-02-01T00:00:00Z"), "not the shared login"),
    "of a time to come": (login("me", "9999-01-01T00:00:00Z"), "the shared login is used"),
    "no login": ("[" * 100_000, "not the shared login"),
}


@pytest.mark.parametrize(("text", "words"), OTHERS.values(), ids=OTHERS)
def test_any_other_login_found_here_is_kept_aside_and_the_line_compares_them(
    text: str, words: str, paths: WorkspacePaths, shared: Path
) -> None:
    theirs = login("me", "2026-01-01T00:00:00Z")
    (shared / "auth.json").write_text(theirs)
    paths.codex_home.mkdir()
    (paths.codex_home / "auth.json").write_text(text)
    (paths.codex_home / "auth.json").chmod(0o644)
    (warning,) = heal_codex_home(paths, shared).warnings
    assert words in warning
    assert (shared / "auth.json").read_text() == theirs
    aside = paths.codex_home / "auth.json.aside-1"
    assert (aside.read_text(), aside.stat().st_mode & 0o777) == (text, 0o600)


def test_instructions_prompts_rules_and_skills_resolve(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "AGENTS.md").write_text("shared")
    (shared / "instructions.md").write_text("shared")
    for name in ("prompts", "rules", "skills"):
        (shared / name / "one").mkdir(parents=True)
    home = paths.codex_home
    (home / "skills/.system").mkdir(parents=True)
    (home / "instructions.md").write_text("own")
    heal_codex_home(paths, shared)
    assert (home / "AGENTS.md").read_text() == "shared"
    assert (home / "instructions.md").read_text() == "own"
    assert (home / "prompts/one").is_dir()
    assert (home / "skills/one").readlink() == shared / "skills/one"
    (shared / "AGENTS.md").unlink()
    (shared / "skills/one").rmdir()
    heal_codex_home(paths, shared)
    assert not os.path.lexists(home / "AGENTS.md")
    assert not os.path.lexists(home / "skills/one")


def test_a_fresh_home_gets_a_snapshot_of_the_threads_index(
    paths: WorkspacePaths, shared: Path
) -> None:
    database = sqlite3.connect(shared / "state_5.sqlite")
    database.execute("pragma journal_mode = wal")
    database.execute("create table t (x)")
    database.execute("insert into t values (7)")
    database.commit()
    heal_codex_home(paths, shared)
    copy = sqlite3.connect(paths.codex_home / "state_5.sqlite")
    assert copy.execute("select x from t").fetchall() == [(7,)]
    copy.close()
    database.close()


def test_a_snapshot_is_made_of_a_database_nobody_has_open(
    paths: WorkspacePaths, shared: Path
) -> None:
    database = sqlite3.connect(shared / "state_5.sqlite")
    database.execute("pragma journal_mode = wal")
    database.execute("create table t (x)")
    database.close()
    before = sorted(path.name for path in shared.iterdir())
    report = heal_codex_home(paths, shared)
    assert report.warnings == ()
    assert (paths.codex_home / "state_5.sqlite").exists()
    added = {"sessions", "archived_sessions", "thread-writer-locks"}
    assert {path.name for path in shared.iterdir()} - added == set(before)


def test_a_damaged_index_is_left_out_with_a_warning(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "state_5.sqlite").write_bytes(b"nonsense" * 1000)
    (warning,) = heal_codex_home(paths, shared).warnings
    assert "no snapshot" in warning
    assert [path for path in paths.codex_home.iterdir() if "state" in path.name] == []


def test_own_sessions_are_directories_and_locks_stay_shared(
    paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    heal_codex_home(paths, shared, sessions=SessionMode.ISSUE)
    home = paths.codex_home
    assert (home / "sessions").is_dir()
    assert not (home / "sessions").is_symlink()
    assert (home / "thread-writer-locks").readlink() == shared / "thread-writer-locks"


def test_a_missing_shared_home_is_made(paths: WorkspacePaths, tmp_path: Path) -> None:
    heal_codex_home(paths, tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (paths.codex_home / "sessions").is_dir()


def test_a_shared_home_that_cannot_be_is_one_line(paths: WorkspacePaths, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "no/where", paths.codex_home):
        with pytest.raises(HomeRefused) as caught:
            heal_codex_home(paths, place)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["config.toml", "sessions", "auth.json", "skills"])
def test_a_link_planted_in_the_home_is_never_written_through(
    name: str, paths: WorkspacePaths, shared: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("precious")
    paths.codex_home.mkdir()
    target = outside if name in ("sessions", "skills") else outside / "file"
    (paths.codex_home / name).symlink_to(target)
    (shared / "skills/one").mkdir(parents=True)
    heal_codex_home(paths, shared)
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "precious"


def test_a_home_that_is_a_link_is_refused(
    paths: WorkspacePaths, shared: Path, tmp_path: Path
) -> None:
    paths.codex_home.symlink_to(tmp_path)
    with pytest.raises(PathRefused, match="codex-home: expected a directory"):
        heal_codex_home(paths, shared)
