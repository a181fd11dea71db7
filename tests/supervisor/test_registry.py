"""The run registry: two lines per run, private, bounded, and never in a run's way."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import pytest

from codexlab.kernel.process.identity import ProcessIdentity
from codexlab.supervisor.history.run_entry import RunEntry, parse_entry
from codexlab.supervisor.records import registry
from codexlab.supervisor.records.registry import enter, finish, read_entries
from codexlab.supervisor.records.runs import decide_state, thread_of

PROCESS = ProcessIdentity(1234, 5678, "boot")
ENTRY = RunEntry(
    run_id="20260131T120000Z-00000001",
    project="p",
    issue="an issue\nof two lines",
    agent="generic",
    workspace="/ws/p/i/generic",
    record="/ws/p/i/generic/.codexlab/runs/x/record.json",
    guardian=PROCESS,
    supervisor=replace(PROCESS, pid=1235),
    place="host pid:[1]",
    started="2026-01-31T12:00:00.000Z",
)
END: dict[str, Any] = {"finished": "2026-01-31T12:00:01.000Z", "reason": "exited", "exit_status": 3}


def test_an_entry_comes_back_as_it_was_written() -> None:
    enter(ENTRY)
    assert read_entries() == [ENTRY]
    finish(ENTRY.run_id, {**END, "thread": "t", "no such field": 1})
    assert read_entries() == [replace(ENTRY, **END, thread="t")]


def test_the_first_end_is_believed() -> None:
    enter(ENTRY)
    finish(ENTRY.run_id, END)
    finish(ENTRY.run_id, {**END, "reason": "supervisor-lost"})
    assert [entry.reason for entry in read_entries()] == ["exited"]


def test_runs_of_one_second_are_listed_in_the_order_they_began() -> None:
    # Their names differ after the second by chance only.
    later = replace(ENTRY, run_id="20260131T120000Z-00000000", started="2026-01-31T12:00:00.001Z")
    enter(later)
    enter(ENTRY)
    assert read_entries() == [ENTRY, later]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_end_is_no_end(cut: int) -> None:
    enter(ENTRY)
    finish(ENTRY.run_id, END)
    path = registry.registry_directory() / f"{ENTRY.run_id}.json"
    path.write_bytes(path.read_bytes()[:-cut])
    (found,) = read_entries()
    assert found in (ENTRY, replace(ENTRY, **END))
    finish(ENTRY.run_id, END)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"[]\n",
        b"null\n{}\n",
        b'{"v":1}\n',
        b"\xff\xfe\n",
        json.dumps({"run_id": "x", "guardian": ["a", "b"], "supervisor": []}).encode(),
    ],
)
def test_what_is_no_entry_is_left_out(data: bytes) -> None:
    assert parse_entry(data) is None
    enter(ENTRY)
    (registry.registry_directory() / "20260131T120000Z-ffffffff.json").write_bytes(data)
    assert read_entries() == [ENTRY]


def test_a_link_or_directory_or_pipe_among_the_entries_is_left_out() -> None:
    enter(ENTRY)
    place = registry.registry_directory()
    os.mkfifo(place / "b.json")
    (place / "c.json").mkdir()
    (place / "d.json").symlink_to(place / f"{ENTRY.run_id}.json")
    assert read_entries() == [ENTRY]


def test_entries_and_the_directories_made_for_them_are_private() -> None:
    before = os.umask(0)
    try:
        enter(ENTRY)
    finally:
        os.umask(before)
    place = registry.registry_directory()
    made = [place / f"{ENTRY.run_id}.json", place, place.parent, place.parent.parent]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o600, 0o700, 0o700, 0o700]


def test_the_oldest_entries_go_once_enough_have_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "KEPT_ENTRIES", 3)
    monkeypatch.setattr(registry, "_SLACK", 2)
    names = [f"20260131T12000{number}Z-00000000" for number in range(6)]
    for name in names[:5]:
        enter(replace(ENTRY, run_id=name))
    registry.prune(lambda _entry: True)
    assert len(read_entries()) == 5
    enter(replace(ENTRY, run_id=names[5]))
    registry.prune(lambda entry: entry.run_id != names[1])
    assert [entry.run_id for entry in read_entries()] == [names[1], *names[3:]]


def test_without_a_registry_there_are_no_runs() -> None:
    assert read_entries() == []


def _events(*names: str) -> list[dict[str, object]]:
    return [dict(zip(("event", "signal"), name.split(), strict=False)) for name in names]


@pytest.mark.parametrize(
    ("events", "ours", "state"),
    [
        ((), False, "waiting"),
        ((), True, "starting"),
        (("run.planned", "workspace.ready"), True, "starting"),
        (("child.spawned", "heartbeat"), True, "running"),
        (("child.spawned", "signal.sent SIGUSR1"), True, "running"),
        (("child.spawned", "signal.sent SIGTERM", "heartbeat"), True, "ending"),
        (("child.spawned", "child.exited"), True, "ending"),
        (("child.spawned", "contained", "attempt.retrying"), True, "retrying"),
        (("attempt.retrying", "child.spawned"), True, "running"),
        (("child.spawned", "run.finished"), True, "ending"),
        (("", "no.such.event"), True, "starting"),
    ],
)
def test_what_a_living_run_is_at_is_what_its_events_say(
    events: tuple[str, ...], ours: bool, state: str
) -> None:
    assert decide_state(_events(*events), ours=ours, supervised=True) == state
    assert decide_state(_events(*events), ours=ours, supervised=False) == "ending"


def test_the_newest_thread_counts() -> None:
    assert thread_of([]) is None
    told = [{"event": "thread.started", "thread": name} for name in ("a", "b")]
    assert thread_of([*told, {"event": "heartbeat", "thread": "c"}]) == "b"
