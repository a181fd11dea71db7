"""Two contents are compared byte for byte, whatever their forms and chunks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.rollout.files import frame

from codexlab.rollout import DamagedFrameError
from codexlab.rollout.reconcile.compare import compare


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=3000), st.binary(max_size=50), st.binary(max_size=50), st.booleans())
def test_common_bytes_and_whole_lines_are_exact(
    tmp_path: Path, start: bytes, left_end: bytes, right_end: bytes, packed: bool
) -> None:
    left, right = start + left_end, start + right_end
    ours, theirs = tmp_path / "left.jsonl", tmp_path / "right.jsonl"
    ours.write_bytes(left)
    if packed:
        theirs = tmp_path / "right.jsonl.zst"
    theirs.write_bytes(frame(right) if packed else right)
    seen = compare(str(ours), str(theirs))
    common = len(_common(left, right))
    assert (seen.common, seen.left, seen.right) == (common, len(left), len(right))
    assert seen.lines == left[:common].rfind(b"\n") + 1


def _common(left: bytes, right: bytes) -> bytes:
    count = 0
    while count < min(len(left), len(right)) and left[count] == right[count]:
        count += 1
    return left[:count]


def test_a_difference_beyond_many_chunks_is_found(tmp_path: Path) -> None:
    data = bytes(range(256)) * (20 << 10)
    changed = data[:-1000] + b"\xff" + data[-999:]
    (tmp_path / "a.jsonl").write_bytes(data)
    (tmp_path / "b.jsonl.zst").write_bytes(frame(changed))
    seen = compare(str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl.zst"))
    assert seen.common == len(data) - 1000


@pytest.mark.parametrize("cut", [0, 1, 5, 20, -1, -5])
def test_a_frame_that_ends_too_early_is_damage_not_an_end(tmp_path: Path, cut: int) -> None:
    whole = frame(b"line\n" * 1000)
    (tmp_path / "a.jsonl.zst").write_bytes(whole[:cut])
    (tmp_path / "a.jsonl").write_bytes(b"line\n" * 1000)
    with pytest.raises(DamagedFrameError):
        compare(str(tmp_path / "a.jsonl"), str(tmp_path / "a.jsonl.zst"))


def test_concatenated_frames_are_one_content(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.zst").write_bytes(frame(b"one\n") + frame(b"two\n", sized=False))
    (tmp_path / "a.jsonl").write_bytes(b"one\ntwo\n")
    seen = compare(str(tmp_path / "a.jsonl"), str(tmp_path / "a.jsonl.zst"))
    assert seen.common == seen.left == seen.right == 8


def test_every_single_flipped_bit_of_a_frame_is_seen(tmp_path: Path) -> None:
    data = b'{"n": 1, "text": "some words that repeat, some words that repeat"}\n' * 5
    whole = frame(data)
    (tmp_path / "a.jsonl").write_bytes(data)
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a.jsonl.zst").write_bytes(flipped)
        try:
            seen = compare(str(tmp_path / "a.jsonl"), str(tmp_path / "a.jsonl.zst"))
        except DamagedFrameError:
            continue
        # Some header bits say nothing about the content, the window's size for one.
        assert seen.common == seen.left == seen.right
