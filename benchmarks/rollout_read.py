"""Measure listing and searching of rollouts against their peers, in one run.

    python benchmarks/rollout_read.py [--corpus DIR] [--scratch DIR] [--rounds 9]
                                      [--rollouts 50000] [--megabytes 2048]

Peers: for listing, a walk with ``os.scandir`` that opens each file and reads 4 KiB;
for searching, ``rg`` and ``rg -z`` where ripgrep is installed. Where it is not, the
peers are ``grep -rc`` for plain files and ``zstd -dc | grep -c`` for frames: other
programs with other goals, so these rows are printed and judge nothing. Each figure is the
best of several runs, taken in turn with its peer's: what others do on the machine
meanwhile only adds; CPU seconds are printed beside it. The corpus is written below the
scratch directory, left to come to rest, and removed again. ``--corpus`` searches the
threads that ``real_corpus.py`` made there as well, all of them and the small ones alone.
Exit status 1 when a goal is missed.

Plain rollouts are searched in two stores, ``--megabytes`` large and a quarter of that. In
the small one, as in real threads that are short, the start of the interpreter and of the
program, some 70 ms of CPU, is about as much as ripgrep has to do: the whole process is
printed there with its goal and not judged.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import zstandard
from own_places import own_places

from codexlab.rollout import make_query
from codexlab.rollout.catalog.listing import list_rollouts
from codexlab.rollout.search.search import search_rollouts

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
_REST = 11.0


@dataclass(frozen=True)
class Taken:
    """The least a call took of several times, children included."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Row:
    what: str
    ours: Taken
    peer: Taken
    goal: float | None
    is_judged: bool = True

    @property
    def ratio(self) -> float:
        """Return our time in the peer's."""
        return self.ours.seconds / self.peer.seconds

    @property
    def is_met(self) -> bool:
        """Tell whether the goal is; a row without one only informs."""
        return self.goal is None or self.ratio <= self.goal

    def show(self) -> str:
        verdict = "ok" if self.is_met else "MISSED" if self.is_judged else "MISSED, not judged"
        goal = "" if self.goal is None else f" <= {self.goal}x  {verdict}"
        ours, peer = self.ours, self.peer
        return (
            f"{self.what:<52} {ours.seconds * 1000:8.1f} ms {peer.seconds * 1000:8.1f} ms"
            f" {self.ratio:6.2f}x{goal}  (CPU {ours.cpu * 1000:.0f} and {peer.cpu * 1000:.0f} ms)"
        )


def in_turn(
    ours: Callable[[], object], peer: Callable[[], object], rounds: int
) -> tuple[Taken, Taken]:
    """Best of both, run alternately so that a busy moment hits both."""
    taken: tuple[list[Taken], list[Taken]] = ([], [])
    for _ in range(rounds):
        for times, call in zip(taken, (ours, peer), strict=True):
            begin, used = time.perf_counter(), cpu_seconds()
            call()
            times.append(Taken(time.perf_counter() - begin, cpu_seconds() - used))
    mine, theirs = (
        Taken(min(each.seconds for each in times), min(each.cpu for each in times))
        for times in taken
    )
    return mine, theirs


def cpu_seconds() -> float:
    """Return what this process and the children it waited for used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


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


def searching(
    scratch: Path, megabytes: int, small: int, rounds: int, *, compressed: bool, judged: bool = True
) -> Iterator[Row]:
    home = scratch / "talk"
    conversations(home, megabytes, small, compressed=compressed)
    come_to_rest()
    expected = (small + 5 + 49) // 50
    assert len(found_by(home, _NEEDLE)) == expected
    tree = f"{megabytes} MB and {small} small"
    yield from search_rows(home, _NEEDLE, tree, rounds, compressed, judged)
    shutil.rmtree(home)


def searching_real(scratch: Path, corpus: Path, rounds: int) -> Iterator[Row]:
    """Search threads of real codex for what was asked in few of them: all, and the small alone."""
    needle = "question 7.1"
    for parts, compressed in ((("small", "large"), False), (("small",), False), (("small",), True)):
        home = scratch / "real"
        for part in parts:
            shutil.copytree(corpus / part, home, dirs_exist_ok=True)
        paths = [os.fspath(path) for path in home.rglob("rollout-*.jsonl")]
        if compressed:
            subprocess.run(["zstd", "-q", "-3", "--rm", *paths], check=True)
        come_to_rest()
        assert found_by(home, needle)
        tree = f"{' and '.join(parts)} of real codex"
        yield from search_rows(home, needle, tree, rounds, compressed, judged=len(parts) > 1)
        shutil.rmtree(home)


def come_to_rest() -> None:
    """Wait as long as a store that somebody just writes is searched with more care."""
    os.sync()
    time.sleep(_REST)


def found_by(home: Path, needle: str) -> list[bytes]:
    own = [*command_for(home, needle), "--threads-only"]
    return subprocess.run(own, stdout=subprocess.PIPE, check=True).stdout.splitlines()


def command_for(home: Path, needle: str) -> list[str]:
    program = [str(Path(sys.executable).with_name("codexlab")), "rollout", "search", needle]
    return [*program, "--json", "--codex-home", str(home)]


def search_rows(
    home: Path, needle: str, tree: str, rounds: int, compressed: bool, judged: bool
) -> Iterator[Row]:
    """:param judged: also the whole process that ripgrep works for."""
    own, rg = command_for(home, needle), shutil.which("rg")
    sessions = str(home / "sessions")
    if rg is None and compressed:
        script = f"find {sessions} -name '*.zst' -print0 | xargs -0 zstd -dqc | grep -c '{needle}'"
        yield _row(
            f"search {tree}, compressed / zstd | grep", own, ["sh", "-c", script], None, rounds
        )
    elif rg is None:
        grep = ["grep", "-rcF", needle, sessions]
        yield _row(f"search {tree}, plain / grep", own, grep, None, rounds)
    elif compressed:
        theirs = [rg, "-z", "--no-config", "-c", needle, sessions]
        yield _row(f"search {tree}, compressed / rg -z", own, theirs, 0.5, rounds)
    else:
        theirs = [rg, "--no-config", "-c", needle, sessions]
        row = _row(f"search {tree}, plain / rg", own, theirs, 1.5, rounds)
        yield replace(row, is_judged=judged)
        yield _row("the same without rg", [*own, "--no-rg"], theirs, 5.0, rounds)
        query = make_query(needle)
        within = lambda: list(search_rollouts(home, query, ripgrep=rg))  # noqa: E731
        taken = in_turn(within, lambda: run_quietly(theirs), rounds)
        yield Row("the same through rg, within a process", *taken, 1.5)


def _row(what: str, own: list[str], theirs: list[str], goal: float | None, rounds: int) -> Row:
    taken = in_turn(lambda: run_quietly(own), lambda: run_quietly(theirs), rounds)
    return Row(what, *taken, goal)


def run_quietly(command: list[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--scratch", type=Path, default=None)
    parser.add_argument("--rollouts", type=int, default=50_000)
    parser.add_argument("--megabytes", type=int, default=2048)
    parser.add_argument("--small", type=int, default=3_000)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--list-only", action="store_true", help="measure listing alone")
    options = parser.parse_args()
    met = True
    with own_places(options.scratch) as scratch:
        for row in measure(scratch, options):
            print(row.show(), flush=True)
            met &= row.is_met or not row.is_judged
    return 0 if met else 1


def measure(scratch: Path, options: argparse.Namespace) -> Iterator[Row]:
    yield listing(scratch, options.rollouts)
    if options.list_only:
        return
    part, small, rounds = options.megabytes // 4, options.small, options.rounds
    yield from searching(scratch, part, small, rounds, compressed=True)
    yield from searching(scratch, options.megabytes, small, rounds, compressed=False)
    yield from searching(scratch, part, small, rounds, compressed=False, judged=False)
    if options.corpus is not None:
        yield from searching_real(scratch, options.corpus, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
