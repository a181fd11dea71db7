"""Measure listing and searching of rollouts against their peers, in one run.

    python benchmarks/rollout_read.py [--scratch DIR] [--rollouts 50000] [--megabytes 2048]

Peers: for listing, a walk with ``os.scandir`` that opens each file and reads 4 KiB;
for searching, ``rg`` and ``rg -z`` where ripgrep is installed. Each figure is the
best of several runs, taken in turn with its peer's: what others do on the machine
meanwhile only adds. The corpus is written below
the scratch directory and removed again. Exit status 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zstandard

from codexlab.rollout import list_rollouts, make_query, search_rollouts

_WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "error",
    "warning",
    "function",
    "return",
    "value",
    "result",
    "file",
    "line",
    "test",
    "build",
    "cargo",
    "module",
    "import",
    "class",
    "thread",
    "socket",
    "connection",
    "refused",
    "timeout",
    "retry",
    "path",
    "branch",
    "commit",
]
_NEEDLE = "zanzibar quokka"


@dataclass(frozen=True)
class Row:
    what: str
    ours: float
    peer: float
    goal: float

    def show(self) -> str:
        ratio = self.ours / self.peer
        verdict = "ok" if ratio <= self.goal else "MISSED"
        return (
            f"{self.what:<46} {self.ours * 1000:9.1f} ms {self.peer * 1000:9.1f} ms"
            f" {ratio:6.2f}x <= {self.goal}x  {verdict}"
        )


def in_turn(
    ours: Callable[[], object], peer: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """Best of both, run alternately so that a busy moment hits both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for times, call in zip(taken, (ours, peer), strict=True):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
    return min(taken[0]), min(taken[1])


# The corpus


def _thread(number: int) -> str:
    return f"019c1a2b-{number >> 16:04x}-7000-8000-{number & 0xFFFF:012x}"


def _path(home: Path, number: int) -> Path:
    month, day = number // 28 % 12 + 1, number % 28 + 1
    name = f"rollout-2025-{month:02}-{day:02}T12-00-00-{_thread(number)}.jsonl"
    return home / "sessions" / "2025" / f"{month:02}" / f"{day:02}" / name


def _meta(number: int) -> bytes:
    """A first record as long as codex 0.169 writes it: 21 KB, mostly instructions."""
    payload = {
        "session_id": _thread(number),
        "id": _thread(number),
        "timestamp": "2025-01-03T12:00:00.000Z",
        "cwd": f"/src/project-{number % 40}",
        "originator": "codex_exec",
        "cli_version": "0.169.0",
        "source": "exec",
        "model_provider": "openai",
        "base_instructions": {"text": "You are a coding agent. " * 850},
    }
    return _line({"timestamp": "2025-01-03T12:00:00.000Z", "type": "session_meta"}, payload)


def _line(record: dict[str, object], payload: object) -> bytes:
    return json.dumps(record | {"payload": payload}, separators=(",", ":")).encode() + b"\n"


def _message(text: str) -> bytes:
    payload = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text}],
    }
    return _line({"timestamp": "2025-01-03T12:00:01.000Z", "type": "response_item"}, payload)


def many(home: Path, count: int) -> None:
    for number in range(count):
        path = _path(home, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_meta(number) + _message(f"done with task {number}"))


def conversations(home: Path, megabytes: int, small: int, *, compressed: bool) -> None:
    """One long thread of that size, four of a quarter of it, and many small ones."""
    order = random.Random(7)
    sizes = [megabytes << 19] + [megabytes << 17] * 4 + [3000] * small
    for number, size in enumerate(sizes):
        path = _path(home, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        pieces = [_meta(number)]
        pool = [_message(" ".join(order.choices(_WORDS, k=300))) for _ in range(50)]
        while size > 0:
            pieces.append(order.choice(pool))
            size -= len(pieces[-1])
        if number % 50 == 0:
            pieces.insert(len(pieces) // 2 + 1, _message(f"saw a {_NEEDLE} there"))
        data = b"".join(pieces)
        del pieces
        if compressed:
            packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
            path.with_name(path.name + ".zst").write_bytes(packer.compress(data))
        else:
            path.write_bytes(data)


# The rows


def walk(home: Path) -> int:
    """What any lister must do at least."""
    count = 0
    for directory, _, _ in os.walk(home / "sessions"):
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.endswith(".jsonl"):
                    fd = os.open(entry.path, os.O_RDONLY)
                    count += len(os.read(fd, 4096)) > 0
                    os.close(fd)
    return count


def listing(scratch: Path, count: int) -> Row:
    home = scratch / "many"
    many(home, count)
    assert len(list_rollouts(home).entries) == walk(home) == count
    os.sync()  # the corpus is not to be written out while the walks are timed
    ours, peer = in_turn(lambda: list_rollouts(home), lambda: walk(home), 12)
    shutil.rmtree(home)
    return Row(f"list {count} rollouts / scandir, open, read", ours, peer, 2.0)


def searching(scratch: Path, megabytes: int, small: int, *, compressed: bool) -> list[Row]:
    home = scratch / "talk"
    conversations(home, megabytes, small, compressed=compressed)
    rg = shutil.which("rg")
    program = [str(Path(sys.executable).with_name("codexlab")), "rollout", "search", _NEEDLE]
    own = [*program, "--json", "--codex-home", str(home)]
    expected = subprocess.run(own, stdout=subprocess.PIPE, check=True).stdout.count(b"\n")
    assert expected == (small + 5 + 49) // 50, expected
    rows: list[Row] = []
    if rg is None:
        print("ripgrep is not installed: no peer for searching", file=sys.stderr)
    else:
        theirs = [rg, "-z", "--no-config", "-c", _NEEDLE, str(home / "sessions")]
        if not compressed:
            theirs.remove("-z")
        peer = lambda: subprocess.run(theirs, stdout=subprocess.DEVNULL, check=True)  # noqa: E731
        tree = f"{megabytes} MB and {small} small"
        if compressed:
            rows.append(_search_row(f"search {tree}, compressed / rg -z", own, peer, 0.5))
        else:
            rows.append(_search_row(f"search {tree}, plain / rg", own, peer, 1.5))
            rows.append(_search_row("the same without rg", [*own, "--no-rg"], peer, 5.0))
            rows.append(_in_process(home, rg, peer))
    shutil.rmtree(home)
    return rows


def _search_row(what: str, command: list[str], peer: Callable[[], object], goal: float) -> Row:
    ours = lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)  # noqa: E731
    return Row(what, *in_turn(ours, peer, 9), goal)


def _in_process(home: Path, rg: str, peer: Callable[[], object]) -> Row:
    query = make_query(_NEEDLE)
    ours = lambda: list(search_rollouts(home, query, ripgrep=rg))  # noqa: E731
    return Row("the same through rg, within a process", *in_turn(ours, peer, 9), 1.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--scratch", type=Path, default=None)
    parser.add_argument("--rollouts", type=int, default=50_000)
    parser.add_argument("--megabytes", type=int, default=2048)
    parser.add_argument("--small", type=int, default=3_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch, prefix="codexlab-bench-") as directory:
        scratch = Path(directory)
        rows = [listing(scratch, options.rollouts)]
        for compressed in (True, False):
            size = options.megabytes // 4 if compressed else options.megabytes
            rows += searching(scratch, size, options.small, compressed=compressed)
    for row in rows:
        print(row.show())
    return int(any(row.ours / row.peer > row.goal for row in rows))


if __name__ == "__main__":
    sys.exit(main())
