"""Real writers against a compressor, a settler and a materializer, in a loop.

At least 2,000 rollouts go through the critical section. For longer races set
``CODEXLAB_RACE_CYCLES`` (and ``CODEXLAB_RACE_SEED``); a minute brings about 2,500.
"""

from __future__ import annotations

import os
from pathlib import Path

from support.rollout_faults import WithoutLease
from support.rollout_race import Slow, race

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
