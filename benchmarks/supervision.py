"""Measure one supervised run against its peers: launch, relay, killing, memory, wake-ups, logs.

    python benchmarks/supervision.py [--only launch,relay,kill,memory,quiet,follow] [--mib 1024]
                                     [--pairs 15] [--scratch DIR]

Each pair is taken in turn with its peer's and the ratio is the median of the pairs'
ratios, so that a machine busy with something else disturbs both alike. Peers:
``python -c "import trio, anyio"`` for a launch in a reused workspace; ``tee LOG | cat``
for the relay of text with a log and four secrets to mask; ``cgroup.kill`` by hand for a
tree of 1,000 processes (root, or a delegated group). ``follow``: how long after an agent wrote a
line ``codexlab logs -f`` shows it. Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from own_places import own_places

from codexlab.kernel.cgroup.leaf import create_leaf, is_populated, own_cgroup, remove_leaf

TREE = 1000
QUIET_SECONDS = 20.0
SETTLING_SECONDS = 12.0
FOLLOWED_LINES = 50
CLOCK = """
import time
print("ready")
while True:
    time.sleep(0.05)
    print(time.monotonic())
"""
LINE = "a line of what an agent says, long enough to be of the usual length, and no secret in it"
FORKER = f"""
import os, signal
for _ in range({TREE} - 1):
    if os.fork() == 0:
        signal.pause()
os.write(1, b"ready\\n")
signal.pause()
"""


@dataclass(frozen=True)
class Row:
    what: str
    shown: str
    value: float
    goal: float
    unit: str

    def show(self) -> str:
        verdict = "ok" if self.value <= self.goal else "MISSED"
        goal = f"{self.value:7.2f}{self.unit} <= {self.goal:g}{self.unit}"
        return f"{self.what:<46} {self.shown:>30} {goal}  {verdict}"


class Bench:
    """A caller of codexlab-run in a place of its own."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.program = str(Path(sys.executable).with_name("codexlab-run"))
        secrets = {name: f"{name.lower()}-0123456789abcdef" for name in _SECRETS}
        self.environ = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": os.environ["HOME"],
            "TMPDIR": os.environ["TMPDIR"],
            "XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"],
            "CODEXLAB_WORKSPACES_ROOT": str(scratch / "ws"),
            **secrets,
        }

    def argv(self, *words: str, flags: Sequence[str] = ()) -> list[str]:
        passed = [word for name in _SECRETS for word in ("--pass", name)]
        base = [self.program, "--issue", "b", "--agent", "generic", "--no-repo", *passed]
        return [*base, *flags, "--", *words]

    def seconds(self, argv: Sequence[str]) -> float:
        """Return how long a command took; its output goes nowhere."""
        began = time.monotonic()
        subprocess.run(
            argv,
            env=self.environ,
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return time.monotonic() - began

    @contextmanager
    def running(self, *words: str) -> Generator[subprocess.Popen[bytes]]:
        """Start a run and wait until its agent has said something."""
        with subprocess.Popen(
            self.argv(*words),
            env=self.environ,
            cwd=self.scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def last_events(self) -> dict[str, float]:
        """Return when each event of the last run happened, in seconds; the first of each name."""
        # Not by name: run ids of one second are in no order.
        found = self.scratch.glob("ws/*/*/*/.codexlab/runs/*/events.ndjson")
        path = max(found, key=lambda path: path.stat().st_mtime_ns)
        times: dict[str, float] = {}
        for line in path.read_text().splitlines():
            event = json.loads(line)
            times.setdefault(event["event"], event["mono"])
        return times


_SECRETS = ("OPENAI_API_KEY", "ACME_TOKEN", "ACME_SECRET", "ACME_PASSWORD")


def pairs(count: int, ours: Callable[[], float], peer: Callable[[], float]) -> tuple[float, str]:
    """Return the median ratio, and both medians in words."""
    found = [(ours(), peer()) for _ in range(count)]
    ratio = statistics.median(mine / other for mine, other in found)
    mine, other = (statistics.median(column) * 1000 for column in zip(*found, strict=True))
    return ratio, f"{mine:.0f} ms against {other:.0f} ms"


def launch(bench: Bench, options: argparse.Namespace) -> Row:
    bench.seconds(bench.argv("true"))
    peer = [sys.executable, "-c", "import trio, anyio"]
    ratio, shown = pairs(
        options.pairs,
        lambda: bench.seconds(bench.argv("true")),
        lambda: bench.seconds(peer),
    )
    return Row("launch of true, reused workspace", shown, ratio, 2.0, "x")


def relay(bench: Bench, options: argparse.Namespace) -> Row:
    size = options.mib << 20
    source = f"yes '{LINE}' | head -c {size}"
    log = bench.scratch / "peer.log"

    def ours() -> float:
        argv = bench.argv("sh", "-c", source, flags=["--log-max-size", f"{options.mib + 1}M"])
        took = _piped_into_cat(bench, argv)
        for path in bench.scratch.glob("ws/*/*/*/.codexlab/runs/*/stdout.log*"):
            path.unlink()
        return took

    def peer() -> float:
        took = _piped_into_cat(bench, ["sh", "-c", f"{source} | tee {log}"])
        log.unlink()
        return took

    ratio, shown = pairs(3, ours, peer)
    return Row(f"relay of {options.mib} MiB, log, 4 secrets", shown, ratio, 1.5, "x")


def _piped_into_cat(bench: Bench, argv: Sequence[str]) -> float:
    with subprocess.Popen(
        ["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=bench.environ
    ) as cat:
        assert cat.stdin is not None
        began = time.monotonic()
        subprocess.run(
            argv,
            env=bench.environ,
            cwd=bench.scratch,
            stdin=subprocess.DEVNULL,
            stdout=cat.stdin,
            check=True,
        )
        cat.stdin.close()
        cat.wait()
        return time.monotonic() - began


def kill(bench: Bench, options: argparse.Namespace) -> Row:
    """Compare from the first signal to the proof with cgroup.kill to an empty group."""
    del options
    parent = own_cgroup()
    if parent is None or not os.access(parent, os.W_OK):
        return Row(f"end of {TREE} processes", "no cgroup to divide", 0.0, 2.0, "x")

    def ours() -> float:
        with bench.running(sys.executable, "-S", "-c", FORKER) as process:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        times = bench.last_events()
        return times["contained"] - times["signal.sent"]

    ratio, shown = pairs(5, ours, lambda: _kill_by_hand(parent))
    return Row(f"end of {TREE} processes, signal to proof", shown, ratio, 2.0, "x")


def _kill_by_hand(parent: Path) -> float:
    leaf = create_leaf(parent, f"by-hand-{os.getpid()}")
    argv = ["sh", "-c", f'echo 0 >{leaf}/cgroup.procs; exec "$@"', "sh", sys.executable, "-S"]
    with subprocess.Popen([*argv, "-c", FORKER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        (leaf / "cgroup.kill").write_text("1")
        while is_populated(leaf):
            pass
        took = time.monotonic() - began
    remove_leaf(leaf)
    return took


def memory(bench: Bench, options: argparse.Namespace) -> Row:
    del options
    with bench.running("sh", "-c", "echo ready; exec sleep 60") as process:
        pids = _halves(process.pid)
        pss = [_pss_mib(pid) for pid in pids]
    shown = " + ".join(f"{each:.1f}" for each in pss)
    return Row("memory of guardian and supervisor", shown, sum(pss), 55.0, " MiB")


def quiet(bench: Bench, options: argparse.Namespace) -> Row:
    del options
    with bench.running("sh", "-c", "echo ready; exec sleep 60") as process:
        pids = _halves(process.pid)
        # What a launch still does belongs to the launch; its worker threads end after ten.
        time.sleep(SETTLING_SECONDS)
        before = [_wakeups(pid) for pid in pids]
        time.sleep(QUIET_SECONDS)
        rates = [
            (_wakeups(pid) - old) / QUIET_SECONDS for pid, old in zip(pids, before, strict=True)
        ]
    shown = " + ".join(f"{each:.2f}" for each in rates)
    return Row("wake-ups of a quiet run", shown, sum(rates), 1.0, "/s")


def follow(bench: Bench, options: argparse.Namespace) -> Row:
    """Let an agent write the time, line by line, and compare it with when a follower shows it."""
    del options
    program = [str(Path(bench.program).with_name("codexlab")), "logs", "-f", "b"]
    delays: list[float] = []
    with (
        bench.running(sys.executable, "-u", "-S", "-c", CLOCK),
        subprocess.Popen(
            program, env=bench.environ, cwd=bench.scratch, stdout=subprocess.PIPE
        ) as follower,
    ):
        assert follower.stdout is not None
        follower.stdout.readline()
        # What was written before it began is no delay of its own.
        began = time.monotonic()
        while len(delays) < FOLLOWED_LINES:
            written = float(follower.stdout.readline())
            if written > began:
                delays.append((time.monotonic() - written) * 1000)
        follower.terminate()
    shown = f"median {statistics.median(delays):.1f} ms"
    return Row("delay of a line in logs -f, the longest", shown, max(delays), 200.0, " ms")


def _halves(guardian: int) -> tuple[int, int]:
    """Return guardian and supervisor; the kernel lists children in the order of their birth."""
    children = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()
    return guardian, int(children[0])


def _pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _wakeups(pid: int) -> int:
    found = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                found += int(line.split()[1])
    return found


PARTS = {
    "launch": launch,
    "relay": relay,
    "kill": kill,
    "memory": memory,
    "quiet": quiet,
    "follow": follow,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--mib", type=int, default=1024, help="size of the relayed stream")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of launches")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"))
    options = parser.parse_args()
    with own_places(options.scratch) as scratch:
        bench, missed = Bench(scratch), 0
        for name in options.only.split(","):
            row = PARTS[name](bench, options)
            print(row.show(), flush=True)
            missed += row.value > row.goal
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
