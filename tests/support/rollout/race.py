"""A race between a compressor and real writers, and the count of what survived.

Invariant: once the race is over and the store has come to rest, every acknowledged
line is in its logical rollout exactly once, and the lines that one open file wrote
are in the order in which it wrote them.

Writers are processes of their own, one kind each:

* ``codex``: takes codex's lock, materializes, opens with ``O_CREAT``, keeps the file
  open over several records, and now and then drops it and opens it again.
* ``unlinked``: the same through a home whose locks are its own.
* ``old``: the same without locks, as codex 0.135 does.
* ``updater``: opens an existing file, appends one record, closes.
* ``rogue``: the same with ``O_CREAT``, whatever that hides.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codexlab.rollout import Outcome, Result
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.materialize import materialize
from codexlab.rollout.reconcile.recover import recover
from codexlab.rollout.reconcile.retired import SettleOptions
from codexlab.rollout.store.rollout_ref import RolloutRef

from ..commands import program
from . import files
from .writers import come_to_rest, left_over, logical

KINDS = ("codex", "codex", "unlinked", "old", "updater", "rogue")

_WRITER = program("races")


class Slow(FileOps):
    """The system calls, each after a random pause: every gap is wide open sometimes."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if not name.startswith("_") and self._dice.random() < 0.15:
            time.sleep(self._dice.random() * 0.003)
        return value


@dataclass(slots=True)
class Score:
    """How a race ended.

    :param cycles: rollouts that compressing began to work on, whatever came of it.
    :param lines: lines that their writers were told are written.
    :param strange: what settling could not do at once, for the curious.
    """

    cycles: int = 0
    lines: int = 0
    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    misplaced: list[str] = field(default_factory=list[str])
    leftovers: list[str] = field(default_factory=list[str])
    strange: list[Result] = field(default_factory=list[Result])
    outcomes: Counter[str] = field(default_factory=Counter[str])

    @property
    def is_clean(self) -> bool:
        """Tell whether the invariant held."""
        return not (self.lost or self.doubled or self.misplaced or self.leftovers)


def race(
    root: Path,
    *,
    seconds: float,
    cycles: int,
    seed: int,
    calls: type[Slow] = Slow,
    rollouts: int = 10,
    kinds: tuple[str, ...] = KINDS,
) -> Score:
    """Race until so many cycles are done, or so many seconds are over."""
    home, own_home, stop = root / "home", root / "own", root / "stop"
    own_home.mkdir(parents=True)
    made = _make_store(home, rollouts)
    writers = [
        _start(kind, number, seed, home, own_home, stop, made) for number, kind in enumerate(kinds)
    ]
    score = Score()
    try:
        dice = random.Random(seed)
        _compete(home, made, score, calls(dice), dice, time.monotonic() + seconds, cycles)
    finally:
        stop.touch()
        acknowledged = [line for writer in writers for line in _finish(writer)]
    places = StoreHandle(home)
    come_to_rest(places, rounds=8)
    _judge(made, acknowledged, score)
    score.leftovers = left_over(places)
    return score


def _make_store(home: Path, count: int) -> list[RolloutRef]:
    places = StoreHandle(home)
    rollouts: list[RolloutRef] = []
    for number in range(count):
        thread = files.thread_id(number)
        text = (files.message("user", f"line {line}") for line in range(5))
        path = files.write(files.rollout_path(home, thread), files.lines(files.meta(thread), *text))
        rollouts.append(places.rollout(str(path)))
    return rollouts


def _start(
    kind: str, number: int, seed: int, home: Path, own: Path, stop: Path, rollouts: list[RolloutRef]
) -> subprocess.Popen[str]:
    given: list[str | Path] = [kind, str(number), str(seed * 100 + number), home, own, stop]
    paths = [rollout.path for rollout in rollouts]
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, *given, *paths], stdout=subprocess.PIPE, text=True
    )


def _finish(writer: subprocess.Popen[str]) -> list[tuple[str, str]]:
    told, _ = writer.communicate(timeout=60)
    assert writer.returncode == 0
    return [(path, line) for path, line in json.loads(told)]


def _compete(
    home: Path,
    rollouts: list[RolloutRef],
    score: Score,
    calls: FileOps,
    dice: random.Random,
    deadline: float,
    cycles: int,
) -> None:
    places = StoreHandle(home)
    while score.cycles < cycles and time.monotonic() < deadline:
        chosen = dice.sample(rollouts, len(rollouts) // 2)
        for result in compress(places.using(calls), chosen):
            score.outcomes[result.outcome] += 1
            score.cycles += result.outcome is not Outcome.SKIPPED
        if dice.random() < 0.7:
            for result in recover(places.using(calls), SettleOptions(grace=0, rest=0)):
                score.outcomes[f"settle: {result.outcome}"] += 1
                if result.outcome in {Outcome.FAILED, Outcome.REPORTED, Outcome.DELETED}:
                    score.strange.append(result)
        for rollout in dice.sample(rollouts, 4):
            _materialize(rollout, home, calls, score)


def _materialize(rollout: RolloutRef, home: Path, calls: FileOps, score: Score) -> None:
    from codexlab.kernel.errors import CodexlabError

    places = StoreHandle(home)
    try:
        with places.locks.lease(rollout.thread_id) as lease:
            done = materialize(places.using(calls), rollout, lease)
    except (CodexlabError, OSError) as error:
        score.outcomes[f"materialize: {type(error).__name__}"] += 1
    else:
        score.outcomes[str(Outcome.RESTORED)] += done


def _judge(rollouts: list[RolloutRef], acknowledged: list[tuple[str, str]], score: Score) -> None:
    score.lines = len(acknowledged)
    for rollout in rollouts:
        seen = logical(rollout).decode().splitlines(keepends=True)
        counts = Counter(seen)
        for path, line in acknowledged:
            if path == rollout.path:
                count = counts[line]
                if count != 1:
                    (score.lost if count == 0 else score.doubled).append(line)
        score.misplaced += list(_out_of_order(seen))


def _out_of_order(lines: list[str]) -> Iterator[str]:
    """Yield the lines of one open file that come before an earlier one of its."""
    last: dict[tuple[str, int], int] = {}
    for line in lines:
        record = json.loads(line)
        if "w" in record:
            key = (record["w"], record["s"])
            if record["n"] <= last.get(key, -1):
                yield line
            last[key] = record["n"]
