"""What a codex of tomorrow may write is carried byte for byte, and left alone where it must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.rollout import files
from support.rollout.writers import come_to_rest, left_over, logical
from support.ticks import wait_one_tick

from codexlab.rollout import Outcome, open_snapshot, read_conversation
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.maintenance.verify import verify_rollout
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.append import append
from codexlab.rollout.reconcile.materialize import restore
from codexlab.rollout.store.rollout_ref import RolloutRef
from codexlab.rollout.store.scan import scan_store

THREAD = files.thread_id(1)
NEWS: dict[str, Any] = {
    "type": "hologram",
    "payload": {"n": 10**40, "deep": [[[{}]]]},
    "ordinal": "seven",
    "v": 9,
}
META = files.meta(THREAD, history_mode="holographic", history_base={"thread_id": 3}, news=[None])
KNOWN = files.lines(META)
ODD = {
    "an unknown type": json.dumps(NEWS).encode() + b"\n",
    "an unknown field of a known type": json.dumps(files.message("user", "x") | NEWS).encode(),
    "a line of another kind": b"[1, 2]\n17\nnull\n",
    "a line that is none": b"@@ binary \x00\x01\xff\xfe\r\n\n\n",
    "no line feed at the end": b'{"type":"response_item"',
}


@pytest.fixture
def places(tmp_path: Path) -> StoreHandle:
    return StoreHandle(tmp_path)


def make(places: StoreHandle, data: bytes) -> RolloutRef:
    path = files.write(files.rollout_path(Path(places.home), THREAD), data)
    wait_one_tick(path)
    return places.rollout(str(path))


@pytest.mark.parametrize("kind", ODD)
def test_what_we_do_not_know_is_carried_byte_for_byte(places: StoreHandle, kind: str) -> None:
    data = KNOWN + ODD[kind]
    rollout = make(places, data)
    assert next(compress(places, [rollout])).outcome is Outcome.COMPRESSED
    assert logical(rollout) == data
    come_to_rest(places)
    assert left_over(places) == []
    append(places, rollout, [b"{}"])
    whole = data if data.endswith(b"\n") else data + b"\n"
    assert Path(rollout.path).read_bytes() == whole + b"{}\n"
    assert not restore(places, rollout)


@pytest.mark.parametrize("kind", ODD)
def test_what_we_do_not_know_breaks_no_reader(places: StoreHandle, kind: str) -> None:
    rollout = make(places, KNOWN + ODD[kind] + b"\n" + files.lines(files.message("user", "known")))
    with open_snapshot(rollout.path) as snapshot:
        texts = [line.entry.text for line in read_conversation(snapshot) if line.entry is not None]
    assert "known" in "".join(texts)
    problems = {finding.problem for finding in verify_rollout(rollout)}
    assert problems <= {"line is no record", "invalid UTF-8"}
    if "unknown" in kind:
        assert not problems


@pytest.mark.parametrize("suffix", [".xz", ".zst2", ".jsonl", ".zst.tmp"])
def test_a_form_that_we_do_not_know_is_no_rollout_and_is_left_alone(
    places: StoreHandle, suffix: str
) -> None:
    rollout = make(places, KNOWN)
    other = Path(rollout.path + suffix)
    other.write_bytes(b"of a codex to come")
    assert len(scan_store(places.home).rollouts) == 1
    assert next(compress(places, [rollout])).outcome is Outcome.COMPRESSED
    come_to_rest(places)
    assert other.read_bytes() == b"of a codex to come"
