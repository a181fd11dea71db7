"""A supervisor that dies leaves a finished record, written by its guardian, and no process."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.processes.guarded import run_guarded_script, start_guarded

from codexlab.kernel.process.identity import ProcessIdentity, identify, is_running


def test_a_supervisor_that_dies_without_a_run_is_status_125(
    clean_environ: Mapping[str, str],
) -> None:
    assert run_guarded_script("os.kill(os.getpid(), signal.SIGKILL)", clean_environ)[0] == 125


# Locks a workspace and hands its run over, as a supervisor does.
HANDED_OVER = """
import fcntl
lock = os.open("{place}/lock", os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
channel.send(RunHandover(
    "testrun", None, "{place}/record.json", "{place}/owner.json", "{place}/witness.json",
    "{place}", "{place}/temporary"), [lock])
"""
LOST = (
    HANDED_OVER
    + """
agent = sh(channel, "trap '' TERM; setsid sleep 60 & echo started >&2; wait; sleep 60").pid
print(agent, flush=True)
signal.pause()
"""
)


@pytest.fixture
def lost_place(scratch: Path) -> Path:
    (scratch / "temporary").mkdir()
    (scratch / "record.json").write_text(json.dumps({"v": 1, "reason": None, "kept": "yes"}))
    (scratch / "owner.json").write_text(json.dumps({"contained": False}))
    (scratch / "events.ndjson").write_text('{"v":1,"seq":4,"run_id":"testrun","event":"x"}\n')
    return scratch


def lose_supervisor(environ: Mapping[str, str], place: Path) -> str:
    """Kill the supervisor of a run that leaves processes; return what its guardian said last."""
    with start_guarded(LOST.format(place=place), environ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        agent = identify(int(process.stdout.readline()))
        process.stderr.readline()
        os.kill(_supervisor_of(process.pid, agent), signal.SIGKILL)
        assert process.wait(30) == 125
        said = process.stderr.read()
    assert agent is not None
    assert not is_running(agent)
    return said


def test_a_lost_supervisor_leaves_no_process_and_a_finished_record(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    said = lose_supervisor(clean_environ, lost_place)
    assert "the supervisor of run testrun died; nothing it started is left" in said
    record = json.loads((lost_place / "record.json").read_text())
    assert (record["reason"], record["kept"]) == ("supervisor-lost", "yes")
    assert record["contained"] == {
        "mechanism": "subreaper", "proven": True, "swept": 2, "left": 0, "leaf_removed": True,
    }  # fmt: skip
    assert json.loads((lost_place / "owner.json").read_text())["contained"] is True
    assert not (lost_place / "temporary").exists()
    events = [json.loads(line) for line in (lost_place / "events.ndjson").read_text().splitlines()]
    assert [(event["seq"], event["event"]) for event in events] == [
        (4, "x"), (5, "contained"), (6, "run.finished"),
    ]  # fmt: skip


def test_a_record_that_cannot_be_written_does_not_keep_the_processes_alive(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    (lost_place / "record.json").unlink()
    (lost_place / "events.ndjson").unlink()
    lose_supervisor(clean_environ, lost_place)


def _supervisor_of(guardian: int, agent: ProcessIdentity | None) -> int:
    children = Path(f"/proc/{guardian}/task/{guardian}/children").read_text().split()
    (supervisor,) = (int(pid) for pid in children if agent is None or int(pid) != agent.pid)
    return supervisor


RELEASED = (
    HANDED_OVER
    + """
channel.send(Released(7))
fcntl.flock(lock, fcntl.LOCK_UN)
print("released", flush=True)
signal.pause()
"""
)


def test_a_run_that_was_given_back_is_no_longer_the_guardians_when_its_supervisor_dies(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    """From the moment the lock is free, what lies there may be another run's."""
    with start_guarded(RELEASED.format(place=lost_place), clean_environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "released\n"
        kept = {path: path.read_bytes() for path in lost_place.glob("*.*json")}
        os.kill(_supervisor_of(process.pid, None), signal.SIGKILL)
        assert process.wait(30) == 7
    assert {path: path.read_bytes() for path in lost_place.glob("*.*json")} == kept
    assert (lost_place / "temporary").exists()


def test_an_event_the_supervisor_died_in_the_middle_of_is_a_line_of_its_own(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    with (lost_place / "events.ndjson").open("a") as file:
        file.write('{"v":1,"seq":5,"run_id":"te')
    lose_supervisor(clean_environ, lost_place)
    _, torn, *rest = (lost_place / "events.ndjson").read_text().splitlines()
    assert torn == '{"v":1,"seq":5,"run_id":"te'
    assert [json.loads(line)["event"] for line in rest] == ["contained", "run.finished"]


def test_a_guardian_never_vouches_for_the_run_of_another(
    clean_environ: Mapping[str, str], lost_place: Path
) -> None:
    owner = json.dumps({"run_id": "another", "contained": False})
    (lost_place / "owner.json").write_text(owner)
    lose_supervisor(clean_environ, lost_place)
    assert (lost_place / "owner.json").read_text() == owner


def test_a_supervisor_that_serves_no_more_is_gone_before_what_it_started_is_read(
    clean_environ: Mapping[str, str], tmp_path: Path
) -> None:
    owner = tmp_path / "owner.json"
    owner.write_text(json.dumps({"run_id": "testrun", "contained": False}))
    body = f"""
    import subprocess
    record, owner = {str(tmp_path / "record.json")!r}, {str(owner)!r}
    channel.send(RunHandover("testrun", None, record, owner, "", "", ""))
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    print(child.pid, flush=True)
    # As the kernel does it: first the channel, then for a while nothing.
    channel.close()
    os.kill(os.getpid(), signal.SIGSTOP)
    """
    status, out, err = run_guarded_script(body, clean_environ)
    child = identify(int(out))
    assert child is None or not is_running(child)
    assert (status, err) == (
        125,
        "codexlab-run: the supervisor of run testrun died; nothing it started is left\n",
    )
    assert json.loads(owner.read_bytes())["contained"] is True
