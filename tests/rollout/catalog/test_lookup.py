"""A thread's rollout is found by its id, by the beginning of the id, and by a path."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.rollout.files import lines, meta, rollout_path, thread_id, write

from codexlab.rollout import AmbiguousThreadError, NoSuchThreadError, find_thread
from codexlab.rollout.catalog.lookup import resolve_rollout


def _make(home: Path, number: int, **where: object) -> Path:
    compressed = bool(where.pop("compressed", False))
    path = rollout_path(home, thread_id(number), **where)  # type: ignore[arg-type]
    write(path, lines(meta(thread_id(number))), compressed=compressed)
    return path


def _record(home: Path, thread: str, path: Path | str) -> None:
    with closing(sqlite3.connect(home / "state_5.sqlite")) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS threads (id TEXT, rollout_path TEXT)")
        database.execute("INSERT INTO threads VALUES (?, ?)", (thread, str(path)))


def test_a_compressed_rollout_is_found_by_id_and_named_by_its_plain_path(tmp_path: Path) -> None:
    path = _make(tmp_path, 1, compressed=True)
    found = find_thread(tmp_path, thread_id(1))
    assert found is not None
    assert found.path == str(path)
    assert found.current_path == str(path) + ".zst"


@pytest.mark.parametrize("given", ["", "rollout", "../..", thread_id(1)[:-1], "*", "%"])
def test_what_is_no_uuid_finds_nothing(tmp_path: Path, given: str) -> None:
    _make(tmp_path, 1)
    assert find_thread(tmp_path, given) is None


def test_a_temporary_file_never_resolves(tmp_path: Path) -> None:
    path = rollout_path(tmp_path, thread_id(1))
    write(path.with_name(path.name + ".decompress.1.0.tmp"), lines(meta(thread_id(1))))
    assert find_thread(tmp_path, thread_id(1)) is None


def test_the_newest_revert_wins_and_upper_case_is_the_same_id(tmp_path: Path) -> None:
    _make(tmp_path, 1)
    _make(tmp_path, 1, at="2025-01-04T00-00-00", revert=thread_id(8))
    newest = _make(tmp_path, 1, at="2025-01-04T00-00-00", revert=thread_id(9))
    found = find_thread(tmp_path, thread_id(1).upper())
    assert found is not None
    assert found.path == str(newest)


def test_an_active_rollout_wins_over_an_archived_one(tmp_path: Path) -> None:
    active = _make(tmp_path, 1)
    _make(tmp_path, 1, archived=True, at="2025-01-09T00-00-00")
    found = find_thread(tmp_path, thread_id(1))
    assert found is not None
    assert found.path == str(active)


def test_a_stale_or_foreign_database_falls_back_to_the_files(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = _make(home, 1)
    other = _make(home, 2)
    foreign = _make(tmp_path / "foreign", 3)
    odd = home / "sessions" / "imported" / rollout_path(home, thread_id(4)).name
    write(odd, lines(meta(thread_id(4))))
    _record(home, thread_id(1), other)
    _record(home, thread_id(3), foreign)
    _record(home, thread_id(4), home / "sessions" / "gone" / odd.name)
    _record(home, thread_id(4), odd)
    before = sorted(os.listdir(home))
    found = find_thread(home, thread_id(1))
    assert found is not None
    assert found.path == str(path)
    assert find_thread(home, thread_id(3)) is None
    hinted = find_thread(home, thread_id(4))
    assert hinted is not None
    assert hinted.path == str(odd)
    assert sorted(os.listdir(home)) == before


def test_a_database_that_names_another_threads_file_is_not_believed(tmp_path: Path) -> None:
    _record(tmp_path, thread_id(7), _make(tmp_path, 2))
    assert find_thread(tmp_path, thread_id(7)) is None


def test_a_database_that_is_none_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "state_9.sqlite").write_bytes(b"not a database at all" * 99)
    _record(tmp_path, thread_id(7), "relative/path.jsonl")
    assert find_thread(tmp_path, thread_id(7)) is None


def test_a_database_that_is_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "state_5.sqlite")
    assert find_thread(tmp_path, thread_id(3)) is None


def test_a_beginning_finds_its_thread_and_an_ambiguous_one_says_which(tmp_path: Path) -> None:
    one, two = _make(tmp_path, 0x11 << 40), _make(tmp_path, 0x12 << 40)
    assert resolve_rollout(tmp_path, thread_id(0x11 << 40)[:-10]).path == str(one)
    assert resolve_rollout(tmp_path, thread_id(0x12 << 40)[:-10].upper()).path == str(two)
    with pytest.raises(AmbiguousThreadError) as caught:
        resolve_rollout(tmp_path, thread_id(0)[:8])
    assert caught.value.threads == [thread_id(0x11 << 40), thread_id(0x12 << 40)]


def test_a_path_resolves_in_either_form_wherever_it_lies(tmp_path: Path) -> None:
    path = _make(tmp_path, 1, compressed=True)
    for given in (path, path.with_name(path.name + ".zst")):
        found = resolve_rollout(tmp_path / "elsewhere", str(given))
        assert (found.path, found.plain_seen) == (str(path), False)


@pytest.mark.parametrize("given", ["", "abc", "zzzz", "----", thread_id(5), "/nowhere/x.jsonl"])
def test_what_nothing_answers_to_is_one_clear_line(tmp_path: Path, given: str) -> None:
    _make(tmp_path, 1)
    with pytest.raises(NoSuchThreadError) as caught:
        resolve_rollout(tmp_path, given)
    assert "\n" not in str(caught.value)
    assert repr(given) in str(caught.value)
