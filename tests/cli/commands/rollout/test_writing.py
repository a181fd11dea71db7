"""``codexlab rollout compress|restore|verify|sweep``, as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.commands import CODEXLAB, codexlab
from support.rollout import files
from support.rollout.writers import logical
from support.terminal.program import on_terminal
from support.ticks import wait_one_tick

from codexlab.rollout.operations.handle import StoreHandle

_PROGRAM = str(CODEXLAB)
THREAD, OTHER = files.thread_id(1), files.thread_id(2)
DATA = files.lines(files.meta(THREAD), *(files.message("user", f"line {n}") for n in range(30)))
OLD = 1_700_000_000
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(shared_home: Path) -> Path:
    (shared_home / "config.toml").unlink()
    return shared_home


@pytest.fixture
def plain(home: Path) -> Path:
    path = files.write(files.rollout_path(home, THREAD), DATA)
    os.utime(path, (OLD, OLD))
    wait_one_tick(path)
    return path


@pytest.fixture
def command(clean_environ: dict[str, str]) -> Command:
    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return codexlab(clean_environ, "rollout", *words)

    return run


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_rollout_that_is_named_twice_is_worked_on_once(command: Command, plain: Path) -> None:
    for word, outcome in (("compress", "compressed"), ("restore", "restored")):
        done = command(word, THREAD, plain, THREAD[:9], "--json")
        assert done.returncode == 0
        assert [result.get("outcome") for result in records(done.stdout)] == [outcome, None]
        assert plain.exists() == (word == "restore")


def test_a_thread_is_compressed_verified_and_restored(command: Command, plain: Path) -> None:
    done = command("compress", THREAD)
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["compressed", THREAD])
    assert "kept for 60 s" in done.stderr
    assert not plain.exists()
    verified = command("verify")
    assert (verified.returncode, verified.stderr) == (0, "all is well\n")
    assert command("restore", THREAD[:13]).returncode == 0
    assert plain.read_bytes() == DATA
    assert "it is plain already" in command("restore", plain).stdout


def test_what_was_left_alone_is_not_told_as_done(command: Command, plain: Path) -> None:
    done = command("restore", THREAD, "--dry-run")
    assert done.stdout == f"skipped     {THREAD}  (it is plain already)\n"
    plain.write_bytes(b"no rollout\n")
    done = command("compress", THREAD)
    assert done.stdout.startswith("skipped")
    assert done.stderr == "1 skipped\n"


def test_a_dry_run_changes_nothing_and_says_so_as_json(
    command: Command, plain: Path, home: Path
) -> None:
    before = sorted(home.rglob("*"))
    done = command("sweep", "--cold-age", "0s", "--dry-run", "--json")
    begin, result, summary = records(done.stdout)
    assert begin == {"begin": {"files": 1, "bytes": len(DATA)}}
    assert (result["thread"], result["outcome"]) == (THREAD, "would")
    assert summary["summary"]["would"] == 1
    assert sorted(home.rglob("*")) == before


def test_a_sweep_frees_what_it_compressed(command: Command, plain: Path, home: Path) -> None:
    done = command("sweep", "--cold-age", "0s", "--grace", "0s", "--json")
    assert [result.get("outcome") for result in records(done.stdout)] == [
        None,
        "compressed",
        "settled",
        None,
    ]
    assert not plain.exists()
    assert logical(StoreHandle(home).rollout(str(plain))) == DATA


def test_a_thread_that_is_written_to_is_busy(command: Command, plain: Path, home: Path) -> None:
    with plain.open("ab"):
        done = command("compress", THREAD)
        assert (done.returncode, done.stdout.split()[0]) == (75, "busy")
    files.write(plain, DATA, compressed=True)
    plain.unlink()
    with StoreHandle(home).locks.lease(THREAD):
        done = command("restore", THREAD)
        assert done.returncode == 75
        assert f"pid {os.getpid()}" in done.stdout


def test_verify_names_file_line_and_problem_and_exits_1(command: Command, plain: Path) -> None:
    plain.write_bytes(DATA + b"no record\n\xff\xfe\n{}")
    found = command("verify", "--json", THREAD)
    assert found.returncode == 1
    assert [(each["line"], each["problem"]) for each in records(found.stdout)] == [
        (32, "line is no record"),
        (33, "invalid UTF-8"),
        (34, "torn last line"),
    ]


def test_a_dry_run_of_a_repair_says_what_it_would_do_and_touches_nothing(
    command: Command, plain: Path, home: Path
) -> None:
    frame = files.write(plain, DATA, compressed=True)
    frame.write_bytes(frame.read_bytes()[:-3])
    before = {path: path.lstat() for path in home.rglob("*")}
    done = command("verify", "--repair", "--dry-run")
    assert done.returncode == 1
    assert done.stdout.startswith("would move its damaged frame aside")
    after = {path: path.lstat() for path in home.rglob("*")}
    assert {path: (stat.st_ino, stat.st_ctime_ns) for path, stat in after.items()} == {
        path: (stat.st_ino, stat.st_ctime_ns) for path, stat in before.items()
    }
    assert "--dry-run goes with --repair" in command("verify", "--dry-run").stderr


@pytest.fixture
def unreadable(home: Path) -> list[Path]:
    """Make both roots unreadable, for root as well."""
    roots = [home / "sessions", home / "archived_sessions"]
    roots[0].touch()
    roots[1].symlink_to(roots[1].name)
    return roots


def test_verify_names_what_it_could_not_read(command: Command, unreadable: list[Path]) -> None:
    found = command("verify", "--json")
    assert found.returncode == 1
    assert [(each["path"], each["problem"]) for each in records(found.stdout)] == [
        (str(path), "cannot be read") for path in unreadable
    ]
    assert command("verify").stderr == "2 to look at\n"


def test_a_sweep_that_could_not_read_all_says_so_and_is_no_whole_one(
    command: Command, unreadable: list[Path]
) -> None:
    done = command("sweep")
    # As `list` and `stats` do: a caller that asks only for the status would think it whole.
    assert done.returncode == 125
    for path in unreadable:
        assert f"left out {path}: " in done.stderr
    assert "swept" not in command("sweep", "--unless-swept", "10m").stderr


def test_repair_joins_what_hid_the_history_and_keeps_a_damaged_frame(
    command: Command, plain: Path, home: Path
) -> None:
    files.write(plain, DATA, compressed=True)
    plain.write_bytes(b'{"later":1}\n')
    assert command("verify").returncode == 1
    assert command("verify", "--repair").returncode == 0
    assert plain.read_bytes() == DATA + b'{"later":1}\n'
    frame = files.write(plain, DATA, compressed=True)
    frame.write_bytes(frame.read_bytes()[:-3])
    damaged = frame.read_bytes()
    assert "damaged frame" in command("verify", THREAD).stdout
    assert command("verify", "--repair").returncode == 0
    assert not frame.exists()
    assert [path.read_bytes() for path in (home / ".codexlab-retired").glob("damaged-*")] == [
        damaged
    ]


def test_json_below_a_home_that_is_no_text_is_json(
    command: Command, plain: Path, home: Path
) -> None:
    frame = files.write(plain, DATA, compressed=True)
    frame.write_bytes(frame.read_bytes()[:-3])
    plain.unlink()
    odd = home / os.fsdecode(b"h\xff")
    odd.mkdir()
    (home / "sessions").rename(odd / "sessions")
    shown = str(odd).replace("\udcff", "\ufffd")
    for words in (("restore", THREAD), ("verify",), ("verify", "--repair")):
        done = command(*words, "--json", "--codex-home", odd)
        assert "Traceback" not in done.stderr
        assert shown in str(records(done.stdout))


def test_a_sweep_does_not_look_again_only_where_it_was_told_so(
    command: Command, plain: Path, home: Path
) -> None:
    words = ("sweep", "--cold-age", "0s", "--grace", "0s")
    assert "1 compressed" in command(*words, "--unless-swept", "10m").stderr
    assert command("restore", THREAD).returncode == 0
    again = command(*words, "--unless-swept", "10m", "--json")
    assert again.returncode == 0
    (summary,) = records(again.stdout)
    assert summary["summary"]["reason"].startswith("swept ")
    assert "nothing to do: swept" in command(*words, "--unless-swept", "10m").stderr
    assert plain.exists()
    deadline = time.monotonic() + 30
    while plain.exists():  # the tick in which it was restored has to pass
        assert command(*words, "--unless-swept", "0s").returncode == 0
        assert time.monotonic() < deadline
    assert plain.with_name(plain.name + ".zst").exists()
    assert list(home.rglob("rollout-*.jsonl*")) == [plain.with_name(plain.name + ".zst")]


def test_a_sweep_that_is_told_to_end_ends_and_the_next_one_finishes(
    clean_environ: dict[str, str], command: Command, plain: Path
) -> None:
    words = ["rollout", "sweep", "--cold-age", "0s", "--grace", "1h", "--json"]
    with subprocess.Popen(
        [_PROGRAM, *words],
        env=clean_environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["begin"]["files"] == 1
        assert json.loads(child.stdout.readline())["outcome"] == "compressed"
        child.send_signal(signal.SIGTERM)
        child.communicate()
        assert child.returncode == 0
    assert "settled" in command("sweep", "--grace", "0s").stderr


def test_a_dry_run_reads_as_a_plan(command: Command, plain: Path) -> None:
    done = command("sweep", "--cold-age", "0s", "--dry-run")
    assert done.stdout == f"would compress  {THREAD}  4.9 KiB\n"
    assert done.stderr == "1 would change\n"
    assert plain.exists()


def test_a_sweep_shows_a_bar_with_its_total_on_a_terminal(
    clean_environ: dict[str, str], plain: Path
) -> None:
    words = ["rollout", "sweep", "--cold-age", "0s", "--grace", "0s"]
    shown = on_terminal([_PROGRAM, *words], clean_environ | {"TERM": "xterm-256color"})
    assert "1/1" in shown
    assert "1 compressed, 1 settled" in shown
    assert not plain.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "--cold-age", "soon"], "expected a duration"),
        (["sweep", "--max-bytes", "much"], "expected a size"),
        (["compress"], "Missing argument"),
        (["compress", OTHER], "no rollout of"),
    ],
)
def test_bad_input_is_one_line_and_125(
    command: Command, home: Path, words: list[str], said: str
) -> None:
    done = command(*words)
    assert done.returncode == 125
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(home.iterdir()) == []
