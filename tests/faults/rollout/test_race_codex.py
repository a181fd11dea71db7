"""Real codex, new and old, resumes a thread again and again while we change its form.

Invariant: what a codex that exited 0 said is in the logical rollout, once.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from support.agents.codex import Codex
from support.commands import run_to_end
from support.marks import both_codex
from support.model.server import ModelFactory, ModelServer, say
from support.rollout import files
from support.rollout.race import Slow
from support.rollout.transcripts import rollout_of
from support.rollout.writers import come_to_rest, left_over, logical

from codexlab.kernel.errors import CodexlabError
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.materialize import materialize
from codexlab.rollout.reconcile.recover import recover
from codexlab.rollout.reconcile.retired import SettleOptions
from codexlab.rollout.store.rollout_ref import RolloutRef

pytestmark = pytest.mark.one_python

ROUNDS = int(os.environ.get("CODEXLAB_RACE_RESUMES", "12"))


class Compressor(threading.Thread):
    """Compresses, settles and now and then restores one rollout until it is stopped."""

    def __init__(self, home: Path, rollout: RolloutRef, pause: float) -> None:
        super().__init__()
        self._pause = pause
        self._places, self._subject = StoreHandle(home), rollout
        self._enough = threading.Event()
        self.compressed = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self._work(random.Random(1))
        except BaseException as error:  # a thread's own failure must fail the test
            self.failure = error

    def _work(self, dice: random.Random) -> None:
        calls = Slow(dice)
        while not self._enough.wait(dice.random() * self._pause):
            for result in compress(self._places.using(calls), [self._subject]):
                self.compressed += result.outcome == "compressed"
            if dice.random() < 0.5:
                list(recover(self._places.using(calls), SettleOptions(grace=0)))

    def stop(self) -> None:
        self._enough.set()
        self.join()
        assert self.failure is None


@pytest.fixture
def server(model: ModelFactory) -> ModelServer:
    return model(lambda request: say(f"answer to {request.prompt}"))


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(codex: Codex, clean_environ: dict[str, str], tmp_path: Path, server: ModelServer) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return run_to_end(
            [codex.native, "exec", "--skip-git-repo-check", "--json", *words],
            clean_environ,
            tmp_path,
        )

    return run


@both_codex
def test_what_codex_said_is_there_once_whatever_we_did_meanwhile(
    run: Run, codex: Codex, shared_home: Path
) -> None:
    begun = run("question zero")
    thread = json.loads(begun.stdout.splitlines()[0])["thread_id"]
    places = StoreHandle(shared_home)
    rollout = places.rollout(str(rollout_of(shared_home, thread)))
    # Old codex cannot read a frame: leave it time to open what was restored for it.
    compressor = Compressor(shared_home, rollout, 0.01 if codex.version != "0.135.0" else 1.0)
    compressor.start()
    try:
        told: list[str] = []
        for number in range(5 * ROUNDS):
            told += [f"question {number}"] * _ask(run, codex, rollout, number)
            if number >= ROUNDS and len(told) >= 4 and compressor.compressed >= 3:
                break
    finally:
        compressor.stop()
    come_to_rest(places)
    records = [json.loads(line) for line in logical(rollout).splitlines()]
    answers = [
        record["payload"]["content"][0]["text"]
        for record in records
        if record["type"] == "response_item" and record["payload"].get("role") == "assistant"
    ]
    assert [answers.count(f"answer to {question}") for question in told] == [1] * len(told)
    assert len(told) >= 4
    assert compressor.compressed >= 3
    assert left_over(places) == []


def _ask(run: Run, codex: Codex, rollout: RolloutRef, number: int) -> bool:
    """Resume the thread; old codex needs its plain form, and may find it gone again."""
    thread = rollout.thread_id
    if codex.version == "0.135.0":
        places = StoreHandle(Path(rollout.path).parents[4])
        try:
            with places.locks.lease(thread) as lease:
                materialize(places, rollout, lease)
        except CodexlabError:
            return False
    return run("resume", thread, f"question {number}").returncode == 0


def test_codex_own_compressor_at_work_beside_ours_loses_nothing(
    run: Run, shared_home: Path
) -> None:
    """Both encode the same cold rollouts at the same time; each may win some."""
    config = shared_home / "config.toml"
    switch = "[features]\nlocal_thread_store_compression = true"
    config.write_text(config.read_text().replace("[features]", switch))
    places = StoreHandle(shared_home)
    rollouts = {places.rollout(str(path)): data for path, data in _cold_rollouts(shared_home, 60)}
    winners: set[bool] = set()
    for seed in range(3):
        (shared_home / ".tmp" / "rollout-compression.lock").unlink(missing_ok=True)
        ours = threading.Thread(
            target=lambda: list(compress(places.using(Slow(random.Random(seed))), rollouts))  # noqa: B023
        )
        ours.start()
        assert run(f"question {seed}").returncode == 0
        ours.join()
        come_to_rest(places)
        for rollout, data in rollouts.items():
            assert logical(rollout) == data
            winners.add(_has_checksum(rollout))
            _make_cold(places, rollout)
    assert left_over(places) == []
    assert True in winners


def _cold_rollouts(home: Path, count: int) -> Iterator[tuple[Path, bytes]]:
    for number in range(count):
        thread = files.thread_id(number)
        text = os.urandom(64 << 10).hex()
        data = files.lines(files.meta(thread), files.message("user", text))
        path = files.write(files.rollout_path(home, thread), data)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        yield path, data


def _has_checksum(rollout: RolloutRef) -> bool:
    """Ours has one; codex's has none."""
    try:
        frame = Path(rollout.compressed_path).read_bytes()
    except FileNotFoundError:
        return False
    return bool(zstandard.get_frame_parameters(frame).has_checksum)


def _make_cold(places: StoreHandle, rollout: RolloutRef) -> None:
    with places.locks.lease(rollout.thread_id) as lease:
        materialize(places, rollout, lease)
    os.utime(rollout.path, (1_700_000_000, 1_700_000_000))
