"""Measure what a person waits for: each verb with 5,000 past and 30 live runs, whole process.

    python benchmarks/verbs.py [--past 5000] [--live 30] [--pairs 11]

Each call is taken in turn with ``python -c pass``, and the medians are shown beside each other, so
that a machine busy with something else is seen in both. Exit status 1 when a verb takes longer
than its goal.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from own_places import own_places

from codexlab.kernel.process.identity import ProcessIdentity
from codexlab.supervisor.history.database import change_history
from codexlab.supervisor.history.past_runs import add_runs
from codexlab.supervisor.history.run_entry import RunEntry, RunFacts

GOAL = 0.150
NOBODY = ProcessIdentity(1 << 22, 1, "an earlier boot")
PROGRAM = Path(sys.executable).with_name("codexlab")
AGENT = ("sh", "-c", "echo ready; read line")
ENDS = (("exited", 0, "completed"), ("exited", 1, "failed"), ("timeout", 124, "failed"))


def past_runs(count: int) -> Iterator[RunEntry]:
    """Yield runs of the last months, three an hour, of a hundred issues."""
    some, now = random.Random(1), datetime.now(UTC)
    for number in range(count):
        moment = now - timedelta(minutes=20 * number + 60)
        run_id = f"{moment:%Y%m%dT%H%M%SZ}-{some.getrandbits(32):08x}"
        reason, status, outcome = some.choice(ENDS)
        place = f"/nowhere/sample/{number % 100}/codex"
        yield RunEntry(
            run_id, "sample", str(number % 100), "codex", place,
            f"{place}/.codexlab/runs/{run_id}/record.json", NOBODY, NOBODY, "another machine",
            f"{moment:%Y-%m-%dT%H:%M:%S}.000Z", f"{moment:%Y-%m-%dT%H:%M:%S}.900Z",
            reason, status, outcome, thread=f"thread-{number}",
            facts=RunFacts(command=("codex", "exec", "a task"), duration=0.9, proven=True),
        )  # fmt: skip


def keep(count: int) -> None:
    def work(database: object) -> None:
        add_runs(database, past_runs(count))  # type: ignore[arg-type]

    change_history(work, list, print)


def start_live(count: int, stack: ExitStack) -> None:
    """Start runs that do nothing until their stdin ends, a few at a time."""
    flags = ["--agent", "generic", "--no-repo", "--stdin", "inherit"]
    launcher = PROGRAM.with_name("codexlab-run")
    for number in range(count):
        run = stack.enter_context(
            subprocess.Popen(
                [launcher, "--issue", f"live-{number}", *flags, "--", *AGENT],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip
        assert run.stdout is not None
        assert run.stdin is not None
        stack.callback(run.stdin.close)
        assert run.stdout.readline() == b"ready\n"


def seconds(words: Sequence[str | os.PathLike[str]]) -> tuple[float, float]:
    """Return how long a program took, and how much processor time."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    took, after = time.perf_counter() - began, os.times()
    used = after.children_user - before.children_user
    return took, used + after.children_system - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description="see the head of this file")
    parser.add_argument("--past", type=int, default=5000)
    parser.add_argument("--live", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=11)
    chosen = parser.parse_args()
    missed = False
    with own_places(), ExitStack() as stack:
        keep(chosen.past)
        start_live(chosen.live, stack)
        last = next(past_runs(1)).run_id.partition("-")[2]
        for verb in (["ps"], ["ps", "--all"], ["ps", "--all", "--json"], ["show", last]):
            pairs = [
                (*seconds([PROGRAM, *verb]), *seconds([sys.executable, "-c", "pass"]))
                for _ in range(chosen.pairs)
            ]
            took, cpu, peer, _ = (statistics.median(side) for side in zip(*pairs, strict=True))
            missed = missed or took > GOAL
            shown = f"{took * 1000:5.0f} ms, {cpu * 1000:4.0f} ms CPU (pass: {peer * 1000:.0f} ms)"
            verdict = "MISSED" if took > GOAL else "ok"
            print(f"{' '.join(verb)[:30]:<32} {shown}  <= {GOAL * 1000:.0f} ms  {verdict}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
