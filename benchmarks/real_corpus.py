"""Make rollouts with real codex, for the other benchmarks to measure.

    python benchmarks/real_corpus.py DIR [--small 5000] [--megabytes 1024] [--seconds 60]

codex (``scripts/install-agents``) talks to a scripted model on loopback: many small
threads, threads of command output, and a thread of five pictures that return. What real
turns do not fill in ``--seconds`` is filled with codex's own lines: small threads are
written again under fresh ids, the picture thread's turns follow each other again, and
so do those of commands, with their digits changed, or one copy would be found in the
next. ``DIR`` then holds ``small/`` and ``large/``, two codex homes; one that is
complete is used again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import time
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from own_places import own_places
from support.agents.app_server import app_server
from support.agents.codex import STUB_KEY, Codex, find_codex, write_codex_config
from support.model.server import ModelRequest, ModelServer, Turn, run_command, say
from support.rollout.transcripts import rollout_of, rollouts

PICTURES, PICTURE_TURNS, COMMANDS = 5, 12, 60
_COMPLETE = "complete.json"
_DIGITS = b"0123456789"


@dataclass(frozen=True, slots=True)
class Maker:
    """What every kind of thread needs."""

    codex: Codex
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment of codex."""
        places = {"HOME": str(self.home), "CODEX_HOME": str(self.home)}
        temporary = {"TMPDIR": os.environ["TMPDIR"]}
        return {"PATH": os.environ["PATH"], "STUB_KEY": STUB_KEY, **places, **temporary}


def make_corpus(base: Path, small: int, megabytes: int, seconds: float) -> None:
    """Make both homes, or leave those that were made for the same wishes."""
    wishes = {"small": small, "megabytes": megabytes}
    done = base / _COMPLETE
    with contextlib.suppress(FileNotFoundError):
        if json.loads(done.read_bytes()) == wishes:
            return
    codex = find_codex()
    if codex is None:
        sys.exit("codex is not installed: run scripts/install-agents")
    for name in ("small", "large"):
        shutil.rmtree(base / name, ignore_errors=True)
        (base / name).mkdir(parents=True)
    with ModelServer(_answer) as server:
        for name in ("small", "large"):
            write_codex_config(base / name, server.url)
        make_small(Maker(codex, base / "small"), small, seconds)
        make_pictures(Maker(codex, base / "large"), megabytes << 20)
        make_commands(Maker(codex, base / "large"), megabytes << 20)
    for name in ("small", "large"):
        _keep_rollouts_only(base / name)
    done.write_text(json.dumps(wishes))


def _answer(request: ModelRequest) -> Turn:
    """Run commands when asked to, else talk."""
    if "commands" in request.prompt and len(request.tool_outputs) < COMMANDS:
        number = len(request.tool_outputs)
        return run_command(f"ls -lR /usr | tail -n +{number * 300} | head -n 220")
    dice = random.Random(request.prompt)
    return say(" ".join(f"{dice.choice(_WORDS)}{dice.randrange(60)}" for _ in range(200)))


_WORDS = ["the", "error", "of", "function", "returns", "value", "from", "path", "build", "test"]


def make_small(maker: Maker, count: int, seconds: float) -> None:
    """Threads of one to six turns."""
    dice, until = random.Random(1), time.monotonic() + seconds
    with app_server(maker.codex, maker.environ, maker.home) as client:
        made = 0
        while made < count and time.monotonic() < until:
            thread = client.start(maker.home, "legacy")
            for turn in range(dice.randint(1, 6)):
                client.turn(thread, f"question {made}.{turn}")
            made += 1
    originals = rollouts(maker.home)
    print(f"{made} small threads by codex, {count - made} copies of them", file=sys.stderr)
    for number in range(count - made):
        _copy_thread(originals[number % made])


def _copy_thread(path: Path) -> None:
    old, new = path.stem[-36:], str(uuid.uuid4())
    data = path.read_bytes().replace(old.encode(), new.encode())
    path.with_name(path.name.replace(old, new)).write_bytes(data)


def make_pictures(maker: Maker, size: int) -> None:
    """One thread in which a few screenshots return."""
    dice = random.Random(2)
    paths = [maker.home / f"picture-{number}.png" for number in range(PICTURES)]
    for path in paths:
        path.write_bytes(_noise(1000, 1000))
    with app_server(maker.codex, maker.environ, maker.home) as client:
        thread = client.start(maker.home, "legacy")
        for turn in range(PICTURE_TURNS):
            client.turn(thread, f"look at picture {turn}", image=dice.choice(paths))
    for path in paths:
        path.unlink()
    _repeat_turns(rollout_of(maker.home, thread), size, dice, change_digits=False)


def make_commands(maker: Maker, size: int) -> None:
    """Three threads of what commands printed."""
    dice = random.Random(3)
    words = ["exec", "--skip-git-repo-check", "-s", "danger-full-access", "--json", "commands"]
    for _ in range(3):
        done = subprocess.run(
            [maker.codex.native, *words],
            env=maker.environ,
            cwd=maker.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        thread = json.loads(done.stdout.splitlines()[0])["thread_id"]
        _repeat_turns(rollout_of(maker.home, thread), size // 10, dice, change_digits=True)


def _repeat_turns(path: Path, size: int, dice: random.Random, *, change_digits: bool) -> None:
    """Let the turns of a rollout follow each other again until it is so large."""
    lines = path.read_bytes().splitlines(keepends=True)
    begin = next(number for number, line in enumerate(lines) if b'"turn_context"' in line)
    with path.open("ab") as file:
        while file.tell() < size:
            for line in lines[begin:]:
                file.write(_with_other_digits(line, dice) if change_digits else line)


def _with_other_digits(line: bytes, dice: random.Random) -> bytes:
    """Change the digits of a command's output only; everything else is structure."""
    if b'"function_call_output"' not in line:
        return line
    digits = list(_DIGITS[1:])
    dice.shuffle(digits)
    at = line.index(b'"output"')
    return line[:at] + line[at:].translate(bytes.maketrans(_DIGITS[1:], bytes(digits)))


def _noise(width: int, height: int) -> bytes:
    """A picture that nothing makes smaller, as screenshots nearly are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    def chunks() -> Iterator[bytes]:
        yield chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        rows = b"".join(b"\0" + os.urandom(3 * width) for _ in range(height))
        yield chunk(b"IDAT", zlib.compress(rows, 1))
        yield chunk(b"IEND", b"")

    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks())


def _keep_rollouts_only(home: Path) -> None:
    for path in home.iterdir():
        if path.name != "sessions":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--small", type=int, default=5000)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with own_places():
        make_corpus(options.directory, options.small, options.megabytes, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
