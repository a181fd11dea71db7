"""A manifest of kept files that an agent wrote or damaged leads a sweep nowhere."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.commands import CODEXLAB, run_to_end
from support.rollout import files

pytestmark = pytest.mark.one_python

_SWEEP = ("rollout", "sweep", "--no-wait", "--grace", "0s")
_THREADS = [files.thread_id(number) for number in (1, 2)]
OLD = 1_700_000_000

Codexlab = Callable[..., subprocess.CompletedProcess[str]]


def data_of(thread: str) -> bytes:
    said = (files.message("user", f"line {number} of {thread}") for number in range(30))
    return files.lines(files.meta(thread), *said)


@pytest.fixture
def home(clean_environ: Mapping[str, str]) -> Path:
    home = Path(clean_environ["HOME"], "agent", "codex-home")
    for thread in _THREADS:
        path = files.write(files.rollout_path(home, thread), data_of(thread))
        os.utime(path, (OLD, OLD))
    return home


@pytest.fixture
def codexlab(clean_environ: Mapping[str, str], home: Path) -> Codexlab:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        done = run_to_end([CODEXLAB, *words, "--codex-home", home], clean_environ)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def group(codexlab: Codexlab, home: Path) -> Path:
    """The manifest of two threads that were just compressed."""
    assert codexlab("rollout", "compress", *_THREADS).returncode == 0
    (group,) = (home / ".codexlab-retired").glob("*.jsonl")
    return group


def entries(group: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in group.read_text().splitlines()]


def forge(group: Path, **fields: object) -> None:
    """Write the first thread's line anew; the other's stays, and both are due."""
    first, *rest = entries(group)
    lines = [{**first, "at": -1e6, **fields}, *({**each, "at": -1e6} for each in rest)]
    group.write_text("".join(json.dumps(line) + "\n" for line in lines))


def kept_of(group: Path, number: int) -> Path:
    return group.parent / str(entries(group)[number]["name"])


def test_a_kept_files_name_leads_to_no_other_file(
    codexlab: Codexlab, group: Path, home: Path
) -> None:
    mine = home.parent / "mine"
    mine.touch()
    kept, other = kept_of(group, 0), kept_of(group, 1)
    forge(group, name="../../mine", size=0)
    done = codexlab(*_SWEEP)
    assert mine.exists()
    assert kept.exists(), "nothing that is believed speaks of it"
    assert not other.exists(), "the other thread's line is as good as before"
    (said,) = (line for line in done.stdout.splitlines() if str(group) in line)
    assert "name is not what codexlab writes" in said
    assert done.returncode == 0


@pytest.mark.parametrize("command", [_SWEEP, ("rollout", "verify", "--repair")])
@pytest.mark.parametrize("relative", ["../../.bashrc", "2025/01/03/../../../../.bashrc"])
def test_no_line_is_appended_to_a_file_that_is_no_rollout(
    codexlab: Codexlab, group: Path, home: Path, relative: str, command: tuple[str, ...]
) -> None:
    mine = home.parent / ".bashrc"
    mine.write_text("alias a=b\n")
    kept_of(group, 0).write_text("alias a=b\ntouch evil\n")
    forge(group, relative=relative, size=mine.stat().st_size)
    done = codexlab(*command)
    assert mine.read_text() == "alias a=b\n"
    assert "relative is not what codexlab writes" in done.stdout


def test_no_rollout_behind_a_link_is_changed(codexlab: Codexlab, group: Path, home: Path) -> None:
    """The link is in the place of a month; what it leads to has the rollout's own name."""
    thread = _THREADS[0]
    plain = files.rollout_path(home, thread)
    away = home.parent / "away"
    inner = files.write(away / "03" / plain.name, data_of(thread))
    kept = kept_of(group, 0)
    kept.write_bytes(data_of(thread) + b'{"type":"more"}\n')
    (home / "sessions" / "2026").mkdir()
    (home / "sessions" / "2026" / "01").symlink_to(away)
    forge(group, relative=f"2026/01/03/{plain.name}")
    done = codexlab(*_SWEEP)
    assert inner.read_bytes() == data_of(thread)
    assert kept.exists()
    assert "lies behind a link" in done.stdout


@pytest.mark.parametrize(
    ("late", "why"),
    [
        (b"touch evil\n", "lines that are no records"),
        (b"touch evil", "lines that are no records"),
    ],
)
def test_only_records_go_back_to_a_thread(
    codexlab: Codexlab, group: Path, home: Path, late: bytes, why: str
) -> None:
    forge(group)
    with kept_of(group, 0).open("ab") as kept:
        kept.write(late)
    done = codexlab(*_SWEEP)
    assert why in done.stdout
    assert kept_of(group, 0).read_bytes() == data_of(_THREADS[0]) + late
    assert not files.rollout_path(home, _THREADS[0]).exists()


def test_another_threads_lines_do_not_go_to_a_thread(
    codexlab: Codexlab, group: Path, home: Path
) -> None:
    """Their beginnings agree as far as the line says that they once did: one byte."""
    forge(group, size=1)
    kept_of(group, 0).write_bytes(data_of(_THREADS[1]))
    done = codexlab(*_SWEEP)
    assert "the kept file is another thread's" in done.stdout
    assert kept_of(group, 0).read_bytes() == data_of(_THREADS[1])
    assert not files.rollout_path(home, _THREADS[0]).exists()


_WRONG: list[Any] = [
    *json.loads(
        """[{}, [], null, true, "x", "", "\\ud800", "a\\u0000b", "/", "..", -1, 1.5,
        1e30, 1e308, NaN, Infinity, [[]], {"a": {}}]"""
    ),
    *(10**30, 10**400),
]


@pytest.mark.parametrize(
    "field",
    [
        *("kind", "name", "root", "relative", "thread", "size", "device", "inode"),
        *("leased", "boot", "at", "append_at"),
    ],
)
def test_one_damaged_line_stops_nothing_for_other_threads(
    codexlab: Codexlab, group: Path, field: str
) -> None:
    """Every wrong value that a field could have is in a line of its own."""
    first, second = entries(group)
    wrong = [{**first, field: value} for value in _WRONG]
    missing = {name: value for name, value in first.items() if name != field}
    lines = [*wrong, missing, {**second, "at": -1e6}]
    group.write_text("".join(json.dumps(line) + "\n" for line in lines))
    other = group.parent / second["name"]
    assert codexlab("rollout", "verify").returncode == 1
    done = codexlab(*_SWEEP)
    assert done.returncode == 0, done.stdout
    assert not other.exists()
    assert len([line for line in done.stdout.splitlines() if str(group) in line]) == 1
    codexlab("rollout", "verify", "--json")
    codexlab("rollout", "verify", "--repair", "--json")


def test_a_directory_of_kept_files_that_is_a_link_is_not_followed(
    codexlab: Codexlab, group: Path, home: Path
) -> None:
    """What is beyond it is another store's, or anybody's."""
    theirs = home.parent / "theirs"
    group.parent.rename(theirs)
    (theirs / "abcdefgh.new").touch()
    forge(theirs / group.name)
    group.parent.symlink_to(theirs)
    before = sorted(os.listdir(theirs))
    for words in (_SWEEP, ("rollout", "verify"), ("rollout", "verify", "--repair")):
        done = codexlab(*words)
        assert done.returncode in (1, 125), done
        assert len((done.stdout + done.stderr).splitlines()) <= 3
    assert sorted(os.listdir(theirs)) == before
