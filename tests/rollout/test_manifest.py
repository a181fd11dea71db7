"""What is kept has a line before it moves, and the line outlives any crash."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from support.rollout import files

from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.operations.journal import create_journal, open_journals, read_entries
from codexlab.rollout.operations.journal_entry import (
    JournalEntry,
    JournalLines,
    describe_kept,
    encode_entry,
    parse_lines,
)
from codexlab.rollout.operations.journal_line import KeptKind
from codexlab.rollout.store.rollout_ref import RolloutRef

THREAD = files.thread_id(1)
TOKEN = "0123abcd"


@pytest.fixture
def places(tmp_path: Path) -> StoreHandle:
    return StoreHandle(tmp_path)


@pytest.fixture
def rollout(places: StoreHandle, tmp_path: Path) -> RolloutRef:
    path = files.write(files.rollout_path(tmp_path, THREAD), b"{}\n")
    return places.rollout(str(path))


def entry_of(rollout: RolloutRef) -> JournalEntry:
    store = StoreHandle(Path(rollout.path).parents[4])
    return describe_kept(
        store, KeptKind.RETIRED, f"{TOKEN}.0", rollout, os.stat(rollout.path), leased=True
    )


def test_a_line_says_all_that_settling_needs(rollout: RolloutRef) -> None:
    entry = entry_of(rollout)
    assert parse_lines(encode_entry(entry), TOKEN) == JournalLines([entry], [])
    assert (entry.root, entry.size, entry.thread) == ("sessions", 3, THREAD)


def test_unknown_fields_and_torn_lines_do_no_harm_and_the_last_line_counts(
    rollout: RolloutRef,
) -> None:
    entry = entry_of(rollout)
    noted = dataclasses.replace(entry, append_at=7)
    future = encode_entry(noted).replace(b'{"v": 1', b'{"news": [], "v": 2')
    torn = encode_entry(entry)[:40]
    assert parse_lines(encode_entry(entry) + future + torn, TOKEN) == JournalLines([noted], [])


def test_a_line_behind_one_that_a_full_disk_tore_counts(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    journal = create_journal(places, TOKEN, [entry_of(rollout)])
    with open(journal.path, "ab") as file:
        file.write(encode_entry(entry_of(rollout))[:40])
    noted = journal.note_append(journal.entries[0], 7)
    assert read_entries(journal.path) == [noted]
    assert journal.note_append(noted, 8) == read_entries(journal.path)[0]
    journal.close(places)


def test_a_group_is_invisible_to_settlers_until_it_is_left(
    places: StoreHandle, rollout: RolloutRef
) -> None:
    journal = create_journal(places, TOKEN, [entry_of(rollout)])
    assert list(open_journals(places)) == []
    kept = journal.entries[0].candidates(places)[0]
    os.rename(rollout.path, kept)
    journal.close(places)
    (found,) = open_journals(places)
    assert found.entries[0].find(places) == kept
    os.unlink(kept)
    found.close(places)
    assert os.listdir(places.kept) == []


def test_names_of_kept_files_hold_no_thread_id_and_lie_beside_the_resolved_store(
    rollout: RolloutRef, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "sessions").symlink_to(tmp_path / "sessions")
    places = StoreHandle(linked)
    journal = create_journal(places, TOKEN, [entry_of(rollout)])
    beside, in_place = journal.entries[0].candidates(places)
    journal.close(places)
    assert os.path.dirname(beside) == str(tmp_path / ".codexlab-retired")
    assert len(os.path.basename(in_place)) <= 12
    assert os.stat(places.kept).st_mode & 0o777 == 0o700


def test_an_entry_of_another_boot_is_older_than_any_grace(rollout: RolloutRef) -> None:
    entry = entry_of(rollout)
    assert 0 <= entry.age() < 60
    assert dataclasses.replace(entry, boot="another").age() == float("inf")
