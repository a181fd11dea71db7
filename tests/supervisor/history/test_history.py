"""The history keeps each run once, whoever is killed while entries move into it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from codexlab.kernel.process.identity import ProcessIdentity
from codexlab.supervisor.history import database, past_runs
from codexlab.supervisor.history.database import HistoryUnusable, history_path, read_history
from codexlab.supervisor.history.lookup import find_past_run
from codexlab.supervisor.history.past_runs import RunQuery
from codexlab.supervisor.history.run_entry import RunEntry, RunFacts, encode_entry, parse_entry
from codexlab.supervisor.records.ended import move_ended
from codexlab.supervisor.records.past import issues_of_known_threads, list_past_runs
from codexlab.supervisor.records.registry import enter, finish, read_entries, registry_directory

DEAD = ProcessIdentity(1 << 22, 1, "an earlier boot")
NOW = datetime.now(UTC)


def run(number: int, days_ago: float = 1.0, **fields: Any) -> RunEntry:
    started = NOW - timedelta(days=days_ago) + timedelta(seconds=number)
    run_id = f"{started:%Y%m%dT%H%M%SZ}-{number:08x}"
    ends = {"finished": f"{started:%Y-%m-%dT%H:%M:%S}.900Z", "reason": "exited", "exit_status": 0}
    entry = RunEntry(
        run_id=run_id,
        project="p",
        issue=f"{number % 3}",
        agent="generic",
        workspace=f"/ws/p/{number % 3}/generic",
        record=f"/ws/p/{number % 3}/generic/.codexlab/runs/{run_id}/record.json",
        guardian=DEAD,
        supervisor=DEAD,
        place="another machine",
        started=f"{started:%Y-%m-%dT%H:%M:%S}.000Z",
    )
    return replace(entry, **{**ends, "agent_outcome": "completed", **fields})


def register(entry: RunEntry) -> None:
    enter(entry)
    if entry.finished:
        names = ("finished", "reason", "exit_status", "agent_outcome", "thread", "error")
        finish(entry.run_id, {name: getattr(entry, name) for name in names})


def told(line: str) -> None:
    raise AssertionError(line)


def move() -> None:
    move_ended([], told)


def listed(**query: Any) -> list[str]:
    ended = [entry for entry in read_entries() if entry.finished]
    found, count = list_past_runs(RunQuery(**query), ended, [], told)
    assert query.get("limit") is not None or count == len(found)
    return [entry.run_id for entry in found]


def test_runs_that_are_over_move_and_are_listed_as_before() -> None:
    entries = [run(number, thread=f"Thread-{number}") for number in range(5)]
    live = replace(run(9), finished=None, reason=None, exit_status=None, agent_outcome=None)
    for entry in (*entries, live):
        register(entry)
    ids = [entry.run_id for entry in reversed(entries)]
    assert listed() == ids
    move()
    assert read_entries() == [live]
    assert listed() == ids
    assert find_past_run(ids[0]) == entries[-1]
    assert find_past_run("no such run") is None
    assert listed(issue="1") == [entries[4].run_id, entries[1].run_id]
    assert listed(limit=2) == ids[:2]
    assert listed(since=entries[3].started) == ids[:2]
    assert listed(outcome="failed") == listed(agent="codex") == listed(project="q") == []
    assert issues_of_known_threads()["thread-4"] == "1"


def test_the_file_is_private_whatever_the_mask() -> None:
    register(run(1))
    before = os.umask(0)
    try:
        move()
        with closing(sqlite3.connect(history_path())) as other:
            other.execute("DELETE FROM runs")
            made = [path for path in history_path().parent.iterdir() if "history" in path.name]
            assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
            assert len(made) == 4  # with its lock, its log and the index of that
    finally:
        os.umask(before)


def in_child(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            work()
            os._exit(0)
        os._exit(1)
    return child


def killed_at(step: int) -> bool:
    """Move entries in a child that is killed before its n-th line; tell whether it came so far."""
    left = step

    def count(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if Path(frame.f_code.co_filename).name not in ("ended.py", "database.py", "past_runs.py"):
            return None
        left -= event == "line"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    def work() -> None:
        sys.settrace(count)
        move()

    status = os.waitpid(in_child(work), 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_a_mover_that_is_killed_at_any_step_loses_no_run_and_doubles_none() -> None:
    move_ended([], told)  # so that the child loads nothing
    step, ids = 1, list[str]()
    while True:
        entries = [run(step), run(step + 1)]
        for entry in entries:
            register(entry)
            ids.insert(0, entry.run_id)
        came = killed_at(step)
        assert listed() == ids, step
        move()
        assert read_entries() == []
        if not came:
            break
        step += 7
    assert step > 60


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"no database at all" * 1000),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: os.truncate(path, 5000),
    "a page": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + b"\xff" * 8192 + path.read_bytes()[12288:]
    ),
    "a directory": lambda path: [step(path) for step in (Path.unlink, Path.mkdir)],
    "a link": lambda path: lead_elsewhere(path),
    "a pipe": lambda path: [step(path) for step in (Path.unlink, os.mkfifo)],
    "a later version": lambda path: change(path, "PRAGMA user_version=7"),
    "another table": lambda path: change(path, "ALTER TABLE runs RENAME COLUMN started TO began"),
}


def lead_elsewhere(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def change(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as other:
        other.execute(statement)
    other.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_history_is_moved_aside_with_one_line_and_made_anew(damage: str) -> None:
    old, new = run(1), run(2)
    register(old)
    move()
    DAMAGES[damage](history_path())
    register(new)
    lines: list[str] = []
    move_ended([], lines.append)
    found, _ = list_past_runs(RunQuery(), [], [], told)
    kept = [new, old] if damage in ("a later version", "another table") else [new]
    assert [entry.run_id for entry in found] == [entry.run_id for entry in kept]
    (line,) = lines
    assert line.startswith(f"{history_path()}: is ")
    assert line.endswith("; kept as history.sqlite.damaged, and made anew")
    assert os.path.lexists(history_path().with_name("history.sqlite.damaged"))


def test_a_history_that_cannot_be_made_is_one_line_and_hides_no_entry() -> None:
    register(run(1))
    (history_path().with_name("history.lock")).mkdir()
    lines: list[str] = []
    found, count = list_past_runs(RunQuery(), read_entries(), [], lines.append)
    assert (len(found), count, len(lines)) == (1, 1, 1)
    assert str(history_path()) in lines[0]
    with pytest.raises(HistoryUnusable):
        move()
    assert len(read_entries()) == 1


def test_a_history_that_another_process_changes_is_waited_for_and_never_moved_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(run(1))
    move()
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    with sqlite3.connect(history_path(), isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        register(run(2))
        with pytest.raises(HistoryUnusable, match="locked"):
            move_ended([], told, patience=0.05)
        assert len(listed()) == 2
    other.close()
    move()
    assert len(listed()) == 2
    assert not history_path().with_name("history.sqlite.damaged").exists()


def test_old_runs_and_runs_beyond_the_kept_ones_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_runs, "KEPT_RUNS", 3)
    for number, days in enumerate((181, 179, 3, 2, 1)):
        register(run(number, days, thread=f"t{number}"))
    move()
    assert [run_id[-1] for run_id in listed()] == ["4", "3", "2"]
    assert set(issues_of_known_threads()) == {"t2", "t3", "t4"}


def test_a_run_comes_back_as_it_was_written() -> None:
    facts = RunFacts(command=("a", "\udcff", "x" * 900), duration=1.5, proven=True, threads=("t",))
    entry = parse_entry(encode_entry(run(1, facts=facts, temporary="/tmp/x")).encode())
    assert entry is not None
    assert entry.facts == replace(facts, command=("a", "\udcff", "x" * 499 + "…"))
    assert entry == replace(run(1), facts=entry.facts, temporary="/tmp/x")


@pytest.mark.parametrize(
    "facts",
    [
        [],
        {"duration": "long", "command": {"a": 1}, "proven": 1, "exit_code": True},
        {"duration": float("nan"), "command": [1, None], "exit_code": 1 << 80, "message": []},
    ],
)
def test_facts_of_another_kind_are_left_out(facts: Any) -> None:
    text = encode_entry(run(1)).replace('"facts":{}', '"facts":' + str(facts).replace("'", '"'), 1)
    entry = parse_entry(
        text.replace("nan", "NaN").replace("True", "true").replace("None", "null").encode()
    )
    assert entry == run(1)


def test_many_processes_at_once_lose_nothing() -> None:
    for number in range(24):
        register(run(number))
    children = [in_child(move) for _ in range(4)]
    assert len(listed()) == 24
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert len(listed()) == 24
    assert read_entries() == []


def test_without_a_state_directory_nothing_is_found() -> None:
    assert issues_of_known_threads() == {}
    assert not registry_directory().parent.exists()
    assert read_history(lambda _database: 7, list, told) == 7
