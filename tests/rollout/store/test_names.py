"""A rollout's file name gives its time, its thread and its form."""

from __future__ import annotations

import datetime as dt

import pytest

from codexlab.rollout import RolloutForm
from codexlab.rollout.store.names import is_thread_id, parse_rollout_name

THREAD = "019c1a2b-0000-7000-8000-0123456789ab"
REVERT = "019c1a2b-ffff-7000-8000-0123456789ab"
PLAIN = f"rollout-2025-01-03T12-34-56-{THREAD}.jsonl"


def test_a_plain_name_gives_time_and_thread() -> None:
    name = parse_rollout_name(PLAIN)
    assert name is not None
    assert name.form is RolloutForm.PLAIN
    assert name.thread_id == THREAD
    assert name.rollout_id is None
    assert name.started == dt.datetime(2025, 1, 3, 12, 34, 56)


def test_a_compressed_name_normalizes_to_the_plain_one() -> None:
    name = parse_rollout_name(PLAIN + ".zst")
    assert name is not None
    assert name.form is RolloutForm.COMPRESSED
    assert name.plain_name == PLAIN
    assert name.compressed_name == PLAIN + ".zst"


def test_a_reverted_thread_carries_its_rollout_id_and_fits_in_111_bytes() -> None:
    longest = f"rollout-2025-01-03T12-34-56-{THREAD}_{REVERT}.jsonl.zst"
    name = parse_rollout_name(longest)
    assert name is not None
    assert (name.thread_id, name.rollout_id) == (THREAD, REVERT)
    assert len(longest) == 111


@pytest.mark.parametrize(
    "filename",
    [
        "",
        PLAIN.removesuffix("l"),
        PLAIN + ".zst.tmp",
        PLAIN + ".decompress.123.0.tmp",
        PLAIN + ".zst.compress.123.0.tmp",
        f"rollout-compress-{THREAD}.tmp",
        "rollout-stale.jsonl.zst.tmp",
        "." + PLAIN,
        PLAIN + "\n",
        PLAIN + ".zst.zst",
        PLAIN.replace(THREAD, THREAD.replace("-", "")),
        PLAIN.replace(THREAD, "{" + THREAD + "}"),
        PLAIN.replace(THREAD, THREAD + "0"),
        PLAIN.replace(THREAD, THREAD + "_"),
        PLAIN.replace(THREAD, THREAD + "_" + REVERT + "_" + REVERT),
        PLAIN.replace("2025-01-03", "2025-02-30"),
        PLAIN.replace("2025-01-03", "2025-13-03"),
        PLAIN.replace("2025-01-03", "٢٠٢٥-01-03"),
        PLAIN.replace("T12-34-56", "T24-00-00"),
        PLAIN.replace("T12-34-56", "T12:34:56"),
    ],
)
def test_anything_else_never_parses(filename: str) -> None:
    assert parse_rollout_name(filename) is None


def test_a_thread_id_is_a_whole_hyphenated_uuid() -> None:
    assert is_thread_id(THREAD)
    assert is_thread_id(THREAD.upper())
    assert not is_thread_id(THREAD[:-1])
    assert not is_thread_id(THREAD.replace("-", ""))
    assert not is_thread_id("../" + THREAD)
