"""The metadata at the head of a rollout is read without the rest of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.rollout.files import frame, lines, message, meta, rollout_path, thread_id, write

from codexlab.rollout import NoSuchRolloutError, NotARolloutFileError, read_session_meta
from codexlab.rollout.reading.session_meta import (
    DamagedHeadError,
    EmptyRolloutError,
    MetaNotFirstError,
    UnknownHistoryModeError,
)

THREAD = thread_id(1)
FORMS = pytest.mark.parametrize("compressed", [False, True])


def _rollout(home: Path, data: bytes, compressed: bool) -> Path:
    path = rollout_path(home, THREAD)
    write(path, data, compressed=compressed)
    return path


@FORMS
def test_either_form_is_read_by_its_plain_path_and_nothing_is_materialized(
    tmp_path: Path, compressed: bool
) -> None:
    path = _rollout(tmp_path, lines(meta(THREAD, cwd="/src/x", extra={"new": 1})), compressed)
    found = read_session_meta(path)
    assert (found.id, found.cwd, found.cli_version) == (THREAD, "/src/x", "0.169.0")
    assert found.source == "exec"
    assert found.timestamp == "2025-01-03T12:00:00.000Z"
    assert found.raw["extra"] == {"new": 1}
    assert len(os.listdir(path.parent)) == 1


@FORMS
def test_reading_stops_before_an_invalid_tail(tmp_path: Path, compressed: bool) -> None:
    path = _rollout(tmp_path, lines(meta(THREAD)) + b"\xff" * 65536, compressed)
    assert read_session_meta(path).id == THREAD


@FORMS
def test_blank_bad_and_event_lines_before_it_are_passed_over(
    tmp_path: Path, compressed: bool
) -> None:
    event = {"type": "event_msg", "payload": {"type": "user_message", "message": "early"}}
    nameless: dict[str, Any] = {"type": "session_meta", "payload": {"id": "not-a-uuid"}}
    head = b"\n  \r\nnot json\n\xff\xfe\n[1]\n" + lines(event, nameless, {"type": ["odd"]})
    path = _rollout(tmp_path, head + lines(meta(THREAD)), compressed)
    assert read_session_meta(path).id == THREAD


@FORMS
def test_a_byte_order_mark_and_crlf_hide_nothing(tmp_path: Path, compressed: bool) -> None:
    data = b"\xef\xbb\xbf" + lines(meta(THREAD)).replace(b"\n", b"\r\n")
    assert read_session_meta(_rollout(tmp_path, data, compressed)).id == THREAD


@FORMS
def test_an_unterminated_record_of_many_chunks_is_read(tmp_path: Path, compressed: bool) -> None:
    record = meta(THREAD, base_instructions={"text": "x" * 300_000})
    path = _rollout(tmp_path, lines(record).rstrip(b"\n"), compressed)
    assert len(read_session_meta(path).raw["base_instructions"]["text"]) == 300_000


@FORMS
def test_a_later_copy_from_a_forks_past_is_not_the_name(tmp_path: Path, compressed: bool) -> None:
    path = _rollout(tmp_path, lines(meta(THREAD), meta(thread_id(2))), compressed)
    assert read_session_meta(path).id == THREAD


def test_each_way_of_having_no_name_is_its_own_error(tmp_path: Path) -> None:
    good = lines(meta(THREAD))
    path = _rollout(tmp_path, lines(message("assistant", "early")) + good, False)
    with pytest.raises(MetaNotFirstError, match="does not start with session metadata"):
        read_session_meta(path)
    path.write_bytes(lines(meta(THREAD, history_mode="future")) + good)
    with pytest.raises(UnknownHistoryModeError, match="unknown history_mode: 'future'"):
        read_session_meta(path)
    path.write_bytes(lines(meta(THREAD, history_mode={"a": 1})) + good)
    with pytest.raises(UnknownHistoryModeError):
        read_session_meta(path)
    path.write_bytes(b"\nnot json\n")
    with pytest.raises(EmptyRolloutError, match="is empty"):
        read_session_meta(path)
    path.unlink()
    with pytest.raises(NoSuchRolloutError):
        read_session_meta(path)
    path.mkdir()
    with pytest.raises(NotARolloutFileError):
        read_session_meta(path)


def test_a_fifo_in_its_place_stops_nobody(tmp_path: Path) -> None:
    path = rollout_path(tmp_path, THREAD)
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(NotARolloutFileError):
        read_session_meta(path)


@pytest.mark.parametrize("cut", [0, 3, 20])
def test_damage_before_it_is_said_as_such(tmp_path: Path, cut: int) -> None:
    path = rollout_path(tmp_path, THREAD)
    write(path, b"")
    path.rename(path.with_name(path.name + ".zst"))
    path.with_name(path.name + ".zst").write_bytes(frame(lines(meta(THREAD)))[:cut])
    with pytest.raises(DamagedHeadError):
        read_session_meta(path)


def test_what_is_far_behind_the_head_is_not_read(tmp_path: Path) -> None:
    path = _rollout(tmp_path, lines(meta(THREAD)), False)
    with path.open("ab") as file:
        file.truncate(1 << 40)
    assert read_session_meta(path).id == THREAD


def test_sources_that_are_objects_are_named_by_their_kind(tmp_path: Path) -> None:
    record = meta(THREAD, source={"subagent": {"thread_spawn": {"depth": 1}}}, agent_role=7)
    found = read_session_meta(_rollout(tmp_path, lines(record), False))
    assert found.source == "subagent"
    assert json.dumps(found.raw["source"])
