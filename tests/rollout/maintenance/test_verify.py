"""What is wrong is said with its file and line, and nothing is changed by saying it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.rollout import files

from codexlab.rollout import Finding, Outcome, Problem
from codexlab.rollout.maintenance.duplicates import move_duplicates_aside
from codexlab.rollout.maintenance.verify import (
    verify_duplicates,
    verify_kept,
    verify_rollout,
    verify_temporaries,
)
from codexlab.rollout.operations.handle import StoreHandle

THREAD = files.thread_id(1)
META = files.meta(THREAD)
GOOD = files.lines(META, files.message("user", "hello"))


@pytest.fixture
def places(tmp_path: Path) -> StoreHandle:
    return StoreHandle(tmp_path)


def verify(places: StoreHandle, data: bytes, **form: Any) -> list[Finding]:
    path = files.rollout_path(Path(places.home), THREAD)
    files.write(path, data, **form)
    return list(verify_rollout(places.rollout(str(path))))


def problems(findings: list[Finding]) -> list[tuple[Problem, int | None]]:
    return [(finding.problem, finding.line) for finding in findings]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_good_rollout_has_no_findings(places: StoreHandle, compressed: bool) -> None:
    future = b'{"type":"from_the_future","payload":{"any":[1,2]}}\n'
    assert verify(places, GOOD + future + b"\n", compressed=compressed) == []


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (GOOD + b"{oops\n", (Problem.BAD_LINE, 3)),
        (GOOD + b"[]\n", (Problem.BAD_LINE, 3)),
        (GOOD + b'{"a":"\xff"}\n', (Problem.INVALID_UTF8, 3)),
        (b"\xef\xbb\xbf" + GOOD, (Problem.BYTE_ORDER_MARK, 1)),
        (GOOD + b'{"torn', (Problem.TORN_TAIL, 3)),
    ],
)
def test_each_bad_line_is_named_and_hides_no_other(
    places: StoreHandle, data: bytes, found: tuple[Problem, int]
) -> None:
    assert problems(verify(places, data)) == [found]


def test_a_line_that_is_too_long_to_be_read_is_a_note_that_says_so(places: StoreHandle) -> None:
    long = b'{"type":"response_item","payload":"' + b"x" * (64 << 20) + b'"}\n'
    (found,) = verify(places, GOOD + long + b"{}\n")
    assert (found.problem, found.line) == (Problem.TOO_LONG, 3)
    assert found.is_harmless
    assert "not checked" in found.detail


def test_kept_files_that_cannot_be_looked_at_are_a_finding(places: StoreHandle) -> None:
    Path(places.kept).touch()
    (found,) = verify_kept(places)
    assert (found.path, found.problem) == (places.kept, Problem.UNREADABLE)


def test_ordinals_may_leave_gaps_but_not_repeat_or_fall(places: StoreHandle) -> None:
    records = [{**META, "ordinal": ordinal} for ordinal in (0, 1, 5, 5, 4, 6)]
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    assert problems(verify(places, data)) == [(Problem.ORDINALS, 4), (Problem.ORDINALS, 5)]


def test_a_frame_without_checksum_is_codex_own_and_harmless(places: StoreHandle) -> None:
    (found,) = verify(places, GOOD, compressed=True, checksum=False)
    assert (found.problem, found.is_harmless) == (Problem.NO_CHECKSUM, True)


def test_a_frame_that_is_cut_short_is_damaged(places: StoreHandle) -> None:
    path = files.rollout_path(Path(places.home), THREAD)
    frame = files.write(path, GOOD, compressed=True)
    frame.write_bytes(frame.read_bytes()[:-6])
    found = list(verify_rollout(places.rollout(str(path))))
    assert {finding.problem for finding in found} == {Problem.DAMAGED_FRAME}
    assert not any(finding.is_harmless for finding in found)


def test_two_forms_are_reported_with_what_they_are_to_each_other(places: StoreHandle) -> None:
    verify(places, GOOD, compressed=True)
    (found,) = verify(places, GOOD + b"{}\n")
    assert (found.problem, found.detail) == (
        Problem.TWO_FORMS,
        "the plain form goes on after the end of the compressed one",
    )


def test_a_rollout_in_both_roots_a_stray_and_a_temporary_file_are_found(
    places: StoreHandle,
) -> None:
    home = Path(places.home)
    paths = [files.rollout_path(home, THREAD, archived=archived) for archived in (False, True)]
    rollouts = [places.rollout(str(files.write(path, GOOD))) for path in paths]
    (both,) = verify_duplicates(rollouts)
    assert (both.problem, both.path) == (Problem.TWO_PLACES, str(paths[1]))
    temporary = paths[0].with_name("rollout-compress-codexlab-12345678.tmp")
    temporary.touch()
    (found,) = verify_temporaries([str(paths[0].parent)])
    assert (found.problem, found.path) == (Problem.TEMPORARY, str(temporary))
    stray = Path(places.kept, "unknown.0")
    stray.parent.mkdir()
    stray.touch()
    (unlisted,) = verify_kept(places)
    assert (unlisted.problem, unlisted.path) == (Problem.UNLISTED, str(stray))
    assert stray.exists()
    assert temporary.exists()


def make_twins(home: Path, active: bytes, archived: bytes, *forms: bool) -> list[Path]:
    """Put one rollout into both roots; ``forms`` says which of them is compressed."""
    paths = [files.rollout_path(home, THREAD, archived=place) for place in (False, True)]
    datas = (active, archived)
    return [
        files.write(path, data, compressed=compressed)
        for path, data, compressed in zip(paths, datas, forms, strict=True)
    ]


@pytest.mark.parametrize("more", [b"", b"{}\n"])
def test_a_frame_whose_plain_form_was_archived_without_it_is_moved_aside(
    places: StoreHandle, more: bytes
) -> None:
    frame, plain = make_twins(Path(places.home), GOOD, GOOD + more, True, False)
    before = frame.read_bytes()
    assert [result.outcome for result in move_duplicates_aside(places)] == [Outcome.WAITING]
    (would,) = move_duplicates_aside(places, rest=0.0, dry_run=True)
    assert would.outcome is Outcome.WOULD
    (result,) = move_duplicates_aside(places, rest=0.0)
    assert result.outcome is Outcome.SETTLED
    assert plain.read_bytes() == GOOD + more
    assert not frame.exists()
    (aside,) = Path(places.kept).glob("leftover-*")
    assert aside.read_bytes() == before
    (found,) = verify_kept(places)
    assert (found.problem, found.is_harmless) == (Problem.SET_ASIDE, True)
    assert list(move_duplicates_aside(places, rest=0.0)) == []


@pytest.mark.parametrize(
    ("active", "archived", "forms"),
    [
        (GOOD, GOOD, (False, False)),
        (GOOD, GOOD + b"{}\n", (False, False)),
        (GOOD, GOOD, (True, True)),
        (GOOD + b"{}\n", GOOD, (True, False)),
        (GOOD + b'{"a":1}\n', GOOD + b'{"b":1}\n', (True, True)),
    ],
)
def test_of_any_other_twins_every_byte_stays_and_is_reported(
    places: StoreHandle, active: bytes, archived: bytes, forms: tuple[bool, bool]
) -> None:
    paths = make_twins(Path(places.home), active, archived, *forms)
    before = [path.read_bytes() for path in paths]
    (result,) = move_duplicates_aside(places, rest=0.0)
    assert result.outcome is Outcome.REPORTED
    assert "both stay" in result.reason
    assert [path.read_bytes() for path in paths] == before


def test_a_writer_of_the_thread_keeps_its_left_over_frame_in_place(places: StoreHandle) -> None:
    frame, _ = make_twins(Path(places.home), GOOD, GOOD, True, False)
    with places.locks.lease(THREAD):
        (result,) = move_duplicates_aside(places, rest=0.0)
    assert result.outcome is Outcome.WAITING
    assert frame.exists()
