"""What belongs to the threads of both homes is shared; what lay in its place is not lost."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from codexlab.workspace.codex_home.heal import heal_codex_home
from codexlab.workspace.paths import WorkspacePaths
from codexlab.workspace.users_codex_home import SessionMode

pytestmark = pytest.mark.usefixtures("claim")
HISTORY, NAMES, LOCK = "thread_history_1.sqlite", "session_index.jsonl", "session_index.jsonl.lock"


def name(thread: str, text: str, moment: str) -> str:
    """Write a line as codex does when it gives a thread a name."""
    return json.dumps({"id": thread, "thread_name": text, "updated_at": moment}) + "\n"


def test_history_and_names_are_linked_also_before_there_are_any(
    paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    for leaf in (HISTORY, NAMES, LOCK):
        assert (paths.codex_home / leaf).readlink() == shared / leaf
        assert not (shared / leaf).exists()


def test_a_later_format_of_the_history_is_linked_too(paths: WorkspacePaths, shared: Path) -> None:
    (shared / "thread_history_2.sqlite").touch()
    heal_codex_home(paths, shared)
    assert (paths.codex_home / "thread_history_2.sqlite").is_symlink()


def test_a_history_of_an_older_workspace_is_kept_aside_with_its_log(
    paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    own = paths.codex_home / HISTORY
    own.unlink()
    with closing(sqlite3.connect(own)) as writer:
        writer.execute("pragma journal_mode = wal")
        writer.execute("create table turns (id)")
        writer.execute("insert into turns values (7)")
        writer.commit()
        report = heal_codex_home(paths, shared)
    assert own.is_symlink()
    assert report.warnings == ()
    with closing(sqlite3.connect(own.with_name(f"{HISTORY}.aside-1"))) as reader:
        assert reader.execute("select id from turns").fetchall() == [(7,)]


def test_an_issue_with_sessions_of_its_own_has_its_own_history_and_names(
    paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    heal_codex_home(paths, shared, sessions=SessionMode.ISSUE)
    for leaf in (HISTORY, NAMES, LOCK):
        assert not (paths.codex_home / leaf).is_symlink()


def test_names_given_in_an_older_workspace_are_taken_over_unless_there_is_a_newer_one(
    paths: WorkspacePaths, shared: Path
) -> None:
    (shared / NAMES).write_text(name("a", "yours", "2026-02-02T00:00:00Z").rstrip("\n"))
    heal_codex_home(paths, shared)
    own = paths.codex_home / NAMES
    own.unlink()
    ours = name("b", "new", "2026-01-01T00:00:00Z") + name("a", "newer", "2026-03-03T00:00:00Z")
    own.write_text(name("a", "older", "2026-01-01T00:00:00Z") + ours)
    report = heal_codex_home(paths, shared)
    assert own.is_symlink()
    assert report.warnings == ()
    said = [json.loads(line)["thread_name"] for line in (shared / NAMES).read_text().splitlines()]
    assert said == ["yours", "new", "newer"]
    assert not list(paths.codex_home.glob("*.aside-*"))


@pytest.mark.parametrize("content", [b"\xff\xfe garbage\n", b"[" * 100_000 + b"\n", b"{}\n"])
def test_what_is_no_name_is_kept_aside_and_never_shared(
    content: bytes, paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    own = paths.codex_home / NAMES
    own.unlink()
    own.write_bytes(content)
    heal_codex_home(paths, shared)
    assert own.is_symlink()
    assert own.with_name(f"{NAMES}.aside-1").read_bytes() == content
    assert not (shared / NAMES).exists() or (shared / NAMES).read_bytes() == b""


@pytest.mark.parametrize("leaf", [HISTORY, NAMES, LOCK])
def test_a_fifo_in_the_place_of_a_link_is_kept_aside(
    leaf: str, paths: WorkspacePaths, shared: Path
) -> None:
    heal_codex_home(paths, shared)
    own = paths.codex_home / leaf
    own.unlink()
    os.mkfifo(own)
    heal_codex_home(paths, shared)
    assert own.readlink() == shared / leaf
