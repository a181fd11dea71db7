"""Measure runs embedded in one program: a launch against trio's own, and a hundred quiet agents.

    python benchmarks/embedding.py [--only launch,quiet] [--pairs 25] [--seconds 30] [--scratch DIR]

A launch of ``true`` in a reused workspace and a bare ``trio.run_process`` of it are taken
in turn; the ratio is the median of the pairs' ratios. The quiet agents' cost is the CPU
time of every process of ours (this program, the fork server, the guardians) after the
last launch, by the scheduler's own count, scaled to a minute; take a multiple of the
heartbeat's 15 s, or their share of a minute is wrong. Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import anyio
import trio
from own_places import own_places

from codexlab.supervisor import LaunchRequest, Run, open_run

AGENTS = 100
# A worker thread that nobody needs ends after ten.
SETTLING_SECONDS = 12.0


def make_request(scratch: Path, *command: str) -> LaunchRequest:
    environ = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": os.environ["HOME"],
        "TMPDIR": os.environ["TMPDIR"],
        "XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"],
    }
    places = (scratch, scratch / "ws", scratch / ".codex")
    return LaunchRequest("b", command, environ, *places, no_repo=True, stdin="null", grace=1.0)


async def launch(request: LaunchRequest, options: argparse.Namespace) -> bool:
    """Compare one launch with what trio takes to run the program bare, and ``git status`` too.

    The second says what of the first is ours: no outcome tells the state of the workdir
    without that second program.
    """

    async def ours() -> None:
        async with open_run(request) as run:
            assert (await run.outcome()).status == 0

    async def bare() -> None:
        await trio.run_process(request.command)

    async def state() -> None:
        workdir = next(request.workspaces_root.glob("*/*/*/workdir"))
        status = ("git", "-C", str(workdir), "status", "--porcelain", "-z")
        await trio.run_process(status, capture_stdout=True)

    await ours()
    rounds = [
        (await seconds(ours), await seconds(bare), await seconds(state))
        for _ in range(options.pairs)
    ]
    mine, agent, git = (statistics.median(column) * 1000 for column in zip(*rounds, strict=True))
    ratio = statistics.median(mine / agent for mine, agent, _ in rounds)
    shown = f"{mine:.1f} ms against {agent:.1f} ms"
    met = show("launch of true in-process, reused workspace", shown, ratio, 3.0, "x")
    both = statistics.median(mine / (agent + git) for mine, agent, git in rounds)
    shown = f"{mine:.1f} ms against {agent + git:.1f} ms"
    print(f"{'the same against true and git status, bare':<46} {shown:>30} {both:7.2f}x")
    return met


async def seconds(work: Callable[[], Awaitable[None]]) -> float:
    began = time.monotonic()
    await work()
    return time.monotonic() - began


async def quiet(request: LaunchRequest, options: argparse.Namespace) -> bool:
    """Count what a hundred agents cost that say and do nothing."""
    async with AsyncExitStack() as stack:
        runs = [
            await stack.enter_async_context(open_run(sleeper(request, n))) for n in range(AGENTS)
        ]
        for run in runs:
            await spawned(run)
        # What a launch still does belongs to the launch.
        await anyio.sleep(SETTLING_SECONDS)
        # Looking at a hundred processes costs something too: it is left out on both sides.
        before, ours = guards_seconds(), time.process_time()
        await anyio.sleep(options.seconds)
        used = time.process_time() - ours + guards_seconds() - before
        for run in runs:
            run.stop()
    per_minute = used * 60 / options.seconds
    shown = f"{used:.3f} s of CPU in {options.seconds:g} s"
    return show(f"{AGENTS} quiet agents, CPU per minute", shown, per_minute, 0.2, " s")


def sleeper(request: LaunchRequest, number: int) -> LaunchRequest:
    return replace(request, issue=str(number), command=("sleep", "600"))


async def spawned(run: Run) -> None:
    async for event in run.events():
        if event["event"] == "child.spawned":
            return


def guards_seconds() -> float:
    """Return the CPU time of the fork server and the guardians so far."""
    return sum(map(scheduled, guards(os.getpid())))


def guards(parent: int) -> Iterator[int]:
    for listed in Path(f"/proc/{parent}/task").glob("*/children"):
        for pid in map(int, listed.read_text().split()):
            if Path(f"/proc/{pid}/comm").read_text().strip() != "sleep":
                yield pid
                yield from guards(pid)


def scheduled(pid: int) -> float:
    """Return the seconds a process of one thread has run (proc(5): schedstat, nanoseconds)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def show(what: str, shown: str, value: float, goal: float, unit: str) -> bool:
    verdict = "ok" if value <= goal else "MISSED"
    print(f"{what:<46} {shown:>30} {value:7.2f}{unit} <= {goal:g}{unit}  {verdict}", flush=True)
    return value <= goal


PARTS = {"launch": launch, "quiet": quiet}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--pairs", type=int, default=25, help="pairs of launches")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long agents are quiet")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"))
    options = parser.parse_args()
    with own_places(options.scratch) as scratch:
        request = make_request(scratch, "true")
        met = [
            anyio.run(PARTS[name], request, options, backend="trio")
            for name in options.only.split(",")
        ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
