"""A few KB that say many GB, holes of terabytes, lines without an end: nobody waits for them.

Each store has a rollout that no codex writes and another that one did. The other is always
answered, the first is named in one line, and not a byte of it is touched.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.agents.codex import find_ripgrep
from support.commands import CODEXLAB, run_to_end
from support.rollout.files import (
    lines,
    message,
    meta,
    repeating_frame,
    rollout_path,
    thread_id,
    write,
)

# What is tried here is git, the kernel or a disk: the same for each Python.
pytestmark = pytest.mark.one_python

_PROGRAM = str(CODEXLAB)
# Other work on the machine takes none of it.
_CPU_SECONDS = 40
_WEEKS_AGO = time.time() - 30 * 86400

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(scratch: Path) -> Path:
    path = scratch / "codex"
    path.mkdir()
    return path


@pytest.fixture(params=["rg", "plain"])
def programs(request: pytest.FixtureRequest, scratch: Path) -> str:
    """A ``PATH`` with ripgrep, and one without."""
    directory = scratch / "programs"
    directory.mkdir()
    found = find_ripgrep() if request.param == "rg" else None
    if request.param == "rg" and found is None:
        pytest.skip("no ripgrep, and no codex that brings one")
    if found is not None:
        (directory / "rg").symlink_to(found)
    return str(directory)


@pytest.fixture
def run(home: Path, clean_environ: dict[str, str]) -> Run:
    def call(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        environ = clean_environ | {"CODEX_HOME": str(home)} | changed
        limited = ["/bin/sh", "-c", f'ulimit -t {_CPU_SECONDS}; exec "$@"', "sh"]
        command = [*limited, _PROGRAM, "rollout", *arguments]
        done = run_to_end(command, environ)
        assert done.returncode >= 0, f"{arguments}: ended by signal {-done.returncode}"
        return done

    return call


def _age(path: Path) -> None:
    os.utime(path, (_WEEKS_AGO, _WEEKS_AGO))


def _honest(home: Path) -> Path:
    path = rollout_path(home, thread_id(1))
    write(path, lines(meta(thread_id(1)), message("user", "find the needle")))
    _age(path)
    return path


def _bomb(home: Path, gigabytes: int, fill: bytes = b"a") -> Path:
    head = lines(meta(thread_id(2)), message("user", "a needle, too"))
    path = rollout_path(home, thread_id(2)).with_suffix(".jsonl.zst")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(repeating_frame(head, gigabytes << 13, fill=fill))
    return path


def _hollow(home: Path, terabytes: int = 16) -> Path:
    path = rollout_path(home, thread_id(2))
    data = lines(meta(thread_id(2)), message("user", "a needle, too"))
    write(path, data)
    # ext4 takes 16 TiB less a block, others more.
    os.truncate(path, (terabytes << 40) - (1 << 20))
    with path.open("ab") as file:
        file.write(b"\n" + lines(message("user", "a needle behind the hole")))
    _age(path)
    return path


def _hollow_frame(home: Path) -> Path:
    """A frame, then zeros: each three of them are a block with nothing in it."""
    path = rollout_path(home, thread_id(2)).with_suffix(".jsonl.zst")
    head = lines(meta(thread_id(2)), message("user", "a needle, too"))
    write(rollout_path(home, thread_id(2)), head, compressed=True)
    with path.open("ab") as file:
        file.write(repeating_frame(b"", 0)[:-3])
    os.truncate(path, (16 << 40) - (1 << 20))
    return path


_MADE: dict[str, Callable[[Path], Path]] = {
    "a bomb": lambda home: _bomb(home, 2),
    "a bomb of empty lines": lambda home: _bomb(home, 2, b"\n"),
    "holes": _hollow,
    "holes in a frame": _hollow_frame,
}


@pytest.fixture(params=_MADE)
def odd(request: pytest.FixtureRequest, home: Path) -> Path:
    return _MADE[request.param](home)


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.lstat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_nlink


def test_a_search_answers_for_the_others_and_names_it_once(
    home: Path, run: Run, odd: Path, programs: str
) -> None:
    _honest(home)
    done = run("search", "needle", "--json", PATH=programs)
    threads = [json.loads(line)["thread"] for line in done.stdout.splitlines()]
    assert {thread_id(1), thread_id(2)} <= set(threads)
    assert done.returncode == 0
    assert "codex never writes" in done.stderr or "codex leaves no holes" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_the_size_of_a_bomb_is_no_matter(home: Path, run: Run) -> None:
    """3 MB say 100 GB; of that 4 GiB are read."""
    _honest(home)
    _bomb(home, 100)
    done = run("search", "behind all this", PATH="")
    assert done.returncode == 1
    assert "it holds more than 4096 MiB" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_show_shows_what_stands_before_it(home: Path, run: Run, odd: Path) -> None:
    done = run("show", thread_id(2))
    assert "a needle, too" in done.stdout
    assert done.stdout.count("damaged from here") == 1, done.stdout
    assert len(done.stdout) < 10_000


def test_verify_names_it_once_and_says_that_it_needs_a_look(
    home: Path, run: Run, odd: Path
) -> None:
    _honest(home)
    done = run("verify", "--json")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    (refused,) = [each for each in findings if each["problem"] == "more than codex writes"]
    assert refused["path"] == str(odd)
    assert done.returncode == 1


def test_a_list_shows_both(home: Path, run: Run, odd: Path) -> None:
    _honest(home)
    done = run("list", "--json")
    shown = json.loads(done.stdout)["rollouts"]
    assert [each["thread"] for each in shown] == [thread_id(2), thread_id(1)]
    assert done.returncode == 0


def test_it_is_never_compressed_decoded_moved_or_removed(home: Path, run: Run, odd: Path) -> None:
    """Also beside another form, which alone would be a reason to put the two together."""
    other = rollout_path(home, thread_id(2))
    if odd != other:
        write(other, lines(meta(thread_id(2))))
        _age(other)
    before = _stamp(odd)
    for command in (
        ["compress", thread_id(2)],
        ["sweep", "--cold-age", "0s", "--grace", "0s"],
        ["verify", "--repair"],
        ["stats"],
        ["restore", thread_id(2)],
    ):
        run(*command)
    assert _stamp(odd) == before
