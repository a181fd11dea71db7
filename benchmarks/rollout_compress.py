"""Measure compressing rollouts against the ``zstd`` command, in one run.

    python benchmarks/rollout_compress.py [--corpus DIR] [--scratch DIR] [--rounds 3]
                                          [--small 5000] [--megabytes 1024]

Ours encodes, verifies, makes durable, publishes and retires; the peer is
``zstd -3 --long=27 --check -T2`` and then ``zstd -t``, each one call over all files,
which is neither durable nor safe against writers. Both take turns on fresh copies, and
each figure is the best of the rounds: what others do on the machine only adds. CPU
seconds are printed beside it. For the thread of repeated pictures the bytes are also
compared with a frame as codex's own compressor makes it (level 3, default window).

``--corpus`` is where ``real_corpus.py`` makes, or has made, rollouts of real codex;
without it they are imitated below the scratch directory, on a filesystem with file
leases, and removed again. Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from own_places import own_places

from codexlab.rollout import CompressOptions, Outcome
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.locks.thread import Coordination, ThreadLocks
from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.operations.handle import StoreHandle

WORKERS = 2
_WORDS = ["the", "error", "of", "function", "returns", "value", "from", "path", "build", "test"]


@dataclass(frozen=True)
class Figure:
    """One measured value and its goal; smaller is better."""

    what: str
    value: float
    goal: float
    detail: str

    @property
    def is_met(self) -> bool:
        """Tell whether it is; a thousandth is beyond what can be measured."""
        return round(self.value, 3) <= self.goal

    def __str__(self) -> str:
        mark = "ok  " if self.is_met else "MISS"
        return f"{mark} {self.what:<48} {self.value:8.2f}  goal {self.goal:6.2f}  {self.detail}"


@dataclass(frozen=True)
class Round:
    """One run over a corpus."""

    seconds: float
    cpu: float
    size: int
    peak_mb: float = 0.0
    holds_ms: tuple[float, ...] = ()


class Timed(FileOps):
    """The system calls, with the time that codex's coordination lock is held."""

    def __init__(self) -> None:
        self.holds: list[float] = []

    @contextlib.contextmanager
    def coordination(self, locks: ThreadLocks) -> Generator[Coordination]:
        with super().coordination(locks) as held:
            began = time.perf_counter()
            yield held
            self.holds.append(1000 * (time.perf_counter() - began))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"))
    parser.add_argument("--small", type=int, default=5000)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("zstd") is None:
        print("zstd is not installed: nothing to compare with", file=sys.stderr)
        return 1
    with own_places(options.scratch) as base:
        large, small = corpora(base, options.corpus, options.small, options.megabytes)
        figures = [
            *measure_large(base / "large", large, options.rounds),
            *measure_small(base / "small", small, options.rounds),
        ]
    for figure in figures:
        print(figure)
    return not all(figure.is_met for figure in figures)


def corpora(base: Path, real: Path | None, small: int, megabytes: int) -> tuple[Path, Path]:
    """Return the homes of large and of small rollouts; make what is missing."""
    if real is not None:
        maker = os.fspath(Path(__file__).with_name("real_corpus.py"))
        command = [sys.executable, maker, os.fspath(real)]
        wishes = ["--small", str(small), "--megabytes", str(megabytes)]
        subprocess.run([*command, *wishes], check=True)
        return real / "large", real / "small"
    make_large(base / "imitated-large", megabytes << 20)
    make_small(base / "imitated-small", small)
    return base / "imitated-large", base / "imitated-small"


def measure_large(base: Path, corpus: Path, count: int) -> Iterator[Figure]:
    ours, theirs = rounds(base, corpus, count)
    yield from ratios("large", ours, theirs, 1.0)
    yield Figure("large: peak memory, MB", max(r.peak_mb for r in ours), 350, "")
    pictures = max(plain_paths(corpus), key=lambda path: path.stat().st_size)
    codex = codex_size(pictures)
    mine = packed_size(base, pictures)
    detail = f"{mine >> 10} KiB, {codex >> 10} KiB: {codex / mine:.0f} times fewer"
    yield Figure("pictures: bytes against codex's own", mine / codex, 0.05, detail)


def measure_small(base: Path, corpus: Path, count: int) -> Iterator[Figure]:
    ours, theirs = rounds(base, corpus, count)
    yield from ratios(f"{len(plain_paths(corpus))} small", ours, theirs, 2.0)
    holds = [hold for each in ours for hold in each.holds_ms]
    detail = f"most {max(holds):.1f}, {len(holds)} times"
    yield Figure("coordination held, median ms", statistics.median(holds), 5.0, detail)


def ratios(what: str, ours: list[Round], theirs: list[Round], goal: float) -> Iterator[Figure]:
    mine, peer = (min(rounds, key=lambda each: each.seconds) for rounds in (ours, theirs))
    detail = f"{mine.seconds:.2f} s, {peer.seconds:.2f} s; CPU {mine.cpu:.2f} s, {peer.cpu:.2f} s"
    yield Figure(f"{what}: time against zstd", mine.seconds / peer.seconds, goal, detail)
    detail = f"{mine.size >> 10} KiB, {peer.size >> 10} KiB"
    yield Figure(f"{what}: bytes against zstd", mine.size / peer.size, 1.0, detail)


def rounds(base: Path, corpus: Path, count: int) -> tuple[list[Round], list[Round]]:
    base.mkdir()
    ours: list[Round] = []
    theirs: list[Round] = []
    for number in range(count):
        order = [(ours, run_ours), (theirs, run_zstd)]
        for results, run in order if number % 2 else reversed(order):
            results.append(on_copy(base, corpus, run))
    return ours, theirs


def on_copy(base: Path, corpus: Path, run: Callable[[Path], Round]) -> Round:
    home = base / "home"
    subprocess.run(["cp", "-a", corpus, home], check=True)
    os.sync()
    time.sleep(0.1)  # what changed within the kernel's last tick is refused
    try:
        return run(home)
    finally:
        shutil.rmtree(home)


def run_ours(home: Path) -> Round:
    """Compress in a process of its own, whose peak memory the kernel counts."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(send, json.dumps(_compress_all(home)).encode())
        os._exit(0)
    os.close(send)
    with open(receive) as answer:
        seconds, holds = json.load(answer)
    _, status, usage = os.wait4(child, 0)
    assert status == 0
    cpu = usage.ru_utime + usage.ru_stime
    return Round(seconds, cpu, size_of(home), usage.ru_maxrss / 1024, tuple(holds))


def _compress_all(home: Path) -> tuple[float, list[float]]:
    places = StoreHandle(home)
    paths = plain_paths(home)
    calls = Timed()
    began = time.perf_counter()
    rollouts = places.rollouts(map(str, paths))
    for result in compress(places.using(calls), rollouts, CompressOptions(workers=WORKERS)):
        assert result.outcome is Outcome.COMPRESSED, result
    return time.perf_counter() - began, calls.holds[:1000]


def run_zstd(home: Path) -> Round:
    paths = list(map(str, plain_paths(home)))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    zstd("-3", "--long=27", "--check", "-T2", paths=paths)
    zstd("-t", "--long=27", paths=[f"{path}.zst" for path in paths])
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return Round(seconds, cpu, size_of(home))


def zstd(*options: str, paths: list[str]) -> None:
    subprocess.run(["zstd", "-q", *options, *paths], check=True)


def plain_paths(home: Path) -> list[Path]:
    return sorted(home.glob("sessions/*/*/*/rollout-*.jsonl"))


def size_of(home: Path) -> int:
    return sum(path.stat().st_size for path in home.rglob("*.zst"))


def codex_size(path: Path) -> int:
    """Return the bytes of a frame as codex makes it."""
    command = ["zstd", "-q", "-3", "--no-check", "-c", os.fspath(path)]
    return len(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def packed_size(base: Path, path: Path) -> int:
    """Return the bytes of the frame that we make of one rollout."""
    home = base / "one"
    directory = home / "sessions/2025/01/03"
    directory.mkdir(parents=True)
    shutil.copy(path, directory)
    time.sleep(0.1)
    try:
        _compress_all(home)
        return size_of(home)
    finally:
        shutil.rmtree(home)


def rollout(home: Path, number: int) -> Path:
    thread = uuid.UUID(int=(0x019C << 112) | (7 << 76) | (8 << 60) | number)
    path = home / "sessions/2025/01/03" / f"rollout-2025-01-03T12-00-00-{thread}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = {"id": str(thread), "cwd": "/src/app", "cli_version": "0.169.0"}
    path.write_bytes(record("session_meta", meta))
    return path


def record(kind: str, payload: Mapping[str, object]) -> bytes:
    line = {"timestamp": "2025-01-03T12:00:00.000Z", "type": kind, "payload": payload}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def make_small(home: Path, count: int) -> None:
    dice = random.Random(1)
    for number in range(count):
        with rollout(home, number).open("ab") as file:
            for _ in range(dice.randint(5, 60)):
                file.write(record("response_item", {"type": "message", "text": words(dice, 40)}))


def make_large(home: Path, size: int) -> None:
    """One thread of pictures that return, three of command output."""
    dice = random.Random(2)
    pictures = [base64.b64encode(dice.randbytes(3 << 20)).decode() for _ in range(5)]
    with rollout(home, 0).open("ab") as file:
        while file.tell() < size:
            text = {"text": words(dice, 300), "image_url": dice.choice(pictures)}
            file.write(record("response_item", {"type": "message", **text}))
    for number in range(1, 4):
        with rollout(home, number).open("ab") as file:
            while file.tell() < size // 10:
                output: dict[str, object] = {
                    "type": "function_call_output",
                    "output": words(dice, 2000),
                }
                file.write(record("response_item", output))


def words(dice: random.Random, count: int) -> str:
    return " ".join(f"{word}{dice.randrange(50)}" for word in dice.choices(_WORDS, k=count))


if __name__ == "__main__":
    sys.exit(main())
