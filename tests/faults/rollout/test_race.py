"""Real writers against a compressor, a settler and a materializer, in a loop.

At least 2,000 rollouts go through the critical section. For longer races set
``CODEXLAB_RACE_CYCLES`` (and ``CODEXLAB_RACE_SEED``); a minute brings about 2,500.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.rollout import files
from support.rollout.faults import WithoutLease
from support.rollout.race import Slow, race

from codexlab.rollout import iter_lines, open_snapshot

pytestmark = pytest.mark.one_python

CYCLES = int(os.environ.get("CODEXLAB_RACE_CYCLES", "2000"))
SEED = int(os.environ.get("CODEXLAB_RACE_SEED", "20251120"))


class SlowWithoutLease(Slow, WithoutLease):
    """The race of a compressor that trusts its eyes."""


def test_every_acknowledged_line_survives_once_and_in_order(scratch: Path) -> None:
    score = race(scratch / "race", seconds=CYCLES / 5, cycles=CYCLES, seed=SEED)
    assert (score.lost, score.doubled, score.misplaced, score.leftovers) == ([], [], [], [])
    assert score.cycles >= CYCLES
    assert score.lines > score.cycles
    assert {"compressed", "busy", "restored", "settle: salvaged"} <= set(score.outcomes)


def test_a_reader_finds_every_line_at_every_instant(tmp_path: Path) -> None:
    """While one process changes the form for ever, another opens it by its plain path."""
    thread = files.thread_id(1)
    data = files.lines(files.meta(thread), *(files.message("user", "words") for _ in range(50)))
    path = files.write(files.rollout_path(tmp_path, thread), data)
    with subprocess.Popen(
        [sys.executable, "-c", _CHANGER, tmp_path, path], stdin=subprocess.PIPE
    ) as changer:
        forms: set[str] = set()
        reads = 0
        while reads < 1000 or len(forms) < 2:
            with open_snapshot(path) as snapshot:
                seen = b"".join(line.data + b"\n" for line in iter_lines(snapshot))
                forms.add(snapshot.form)
            assert seen == data
            reads += 1
        changer.communicate()
    assert changer.returncode == 0


_CHANGER = """
import select, sys
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.materialize import restore
from codexlab.rollout.reconcile.retired import SettleOptions, settle
places = StoreHandle(sys.argv[1])
rollout = places.rollout(sys.argv[2])
while not select.select([sys.stdin], [], [], 0)[0]:
    list(compress(places, [rollout]))
    list(settle(places, SettleOptions(grace=0)))
    restore(places, rollout)
"""


def test_the_race_sees_a_compressor_that_asks_nobody(scratch: Path) -> None:
    score = race(
        scratch / "race",
        seconds=20,
        cycles=300,
        seed=SEED,
        calls=SlowWithoutLease,
        kinds=("old",) * 4,
    )
    assert score.lost
