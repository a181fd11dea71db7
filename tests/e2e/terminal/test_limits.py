"""Limits, rotation and masks, where the agent has a terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from support.commands import program
from support.lab import Lab
from support.model.codex_responses import Json
from support.terminal.person import job, typed

PLAIN = ["--issue", "1", "--no-repo", "--agent", "generic", "--grace", "1s"]
SECRET = "sk-never-in-a-log-" + "0123456789abcdef"


def events_of(lab: Lab) -> list[Json]:
    lines = (lab.run_directory(lab.records[0]) / "events.ndjson").read_text().splitlines()
    return [json.loads(line) for line in lines]


def the_event(lab: Lab, name: str) -> Json:
    (event,) = (event for event in events_of(lab) if event["event"] == name)
    return event


def test_a_silent_agent_is_idle_and_the_terminal_as_it_was(lab: Lab) -> None:
    script = "stty raw -echo; echo ready; exec sleep 65"
    with typed(lab, [*PLAIN, "--idle-timeout", "700ms"], ["sh", "-c", script]) as run:
        run.screen.wait_for("ready")
        assert run.wait_end() == 124
        assert run.screen.settings == run.before
    assert lab.records[0]["reason"] == "idle"
    assert float(str(the_event(lab, "child.idle")["silent"])) >= 0.7


# It writes until it has been stopped and continued, and is silent from then on.
UNTIL_CONTINUED = program("writes_until_continued")


def test_the_time_a_job_was_stopped_is_not_idle(lab: Lab) -> None:
    flags = [*PLAIN, "--idle-timeout", "1s"]
    with job(lab, flags, [sys.executable, "-c", UNTIL_CONTINUED]) as run:
        run.screen.wait_for("ready")
        run.screen.type("\x1a")
        run.screen.wait_for(r"\[stopped\]")
        stopped = time.monotonic()
        run.screen.wait_until(lambda: time.monotonic() > stopped + 1.5)
        continued = time.monotonic()
        os.killpg(run.guardian, signal.SIGCONT)
        assert run.wait_end() == 124
    assert lab.records[0]["reason"] == "idle"
    assert float(str(the_event(lab, "child.idle")["mono"])) - continued >= 1.0


def test_memory_is_watched_where_no_controller_does(lab: Lab) -> None:
    script = "import signal; held = bytearray(b'x') * (300 << 20); signal.pause()"
    flags = [*PLAIN, "--containment", "subreaper", "--memory-max", "100M"]
    with typed(lab, flags, [sys.executable, "-c", script]) as run:
        assert run.wait_end() in (128 + 15, 128 + 9)
        assert run.screen.settings == run.before
    (record,) = lab.records
    assert record["reason"] == "memory"
    assert isinstance(record["peak_memory"], int)
    assert record["peak_memory"] >= 100 << 20


# In writes of many sizes, so that a secret begins and ends anywhere in what is read at once.
FLOOD = program("floods_with_a_secret")


def test_the_copy_is_rotated_and_no_part_of_a_secret_shows_at_any_border(lab: Lab) -> None:
    lab.environ["MY_API_KEY"] = SECRET
    flags = [*PLAIN, "--log-max-size", "64K", "--pass", "MY_API_KEY"]
    with typed(lab, flags, [sys.executable, "-c", FLOOD]) as run:
        run.screen.read_to(b"[begin]")
        shown = run.screen.read_to(b"[end]")
        assert run.wait_end() == 0
    masked = b"[begin]" + shown.replace(SECRET.encode() * 2, b"***").replace(
        SECRET.encode(), b"***"
    )
    older, newer = logs(lab)
    assert len(shown) > 64 << 10 < len(masked)
    assert max(len(older), len(newer)) <= 64 << 10
    # What lies between two secrets that touch is a matter of the mask, not of the terminal.
    assert fold(masked + b"[end]").endswith(fold(older + newer))


def logs(lab: Lab) -> tuple[bytes, bytes]:
    path = lab.run_directory(lab.records[0]) / "terminal.log"
    return Path(f"{path}.1").read_bytes(), path.read_bytes()


def fold(text: bytes) -> bytes:
    return text.replace(b"******", b"***")


def test_a_secret_of_several_lines_is_masked_as_the_terminal_shows_it(lab: Lab) -> None:
    lab.environ["MY_API_KEY"] = "first half,\nsecond half\n"
    flags = [*PLAIN, "--pass", "MY_API_KEY"]
    with typed(lab, flags, ["sh", "-c", 'printf "<%s>" "$MY_API_KEY"']) as run:
        run.screen.wait_for("<first half,\r\nsecond half\r\n>")
        assert run.wait_end() == 0
    log = lab.run_directory(lab.records[0]) / "terminal.log"
    assert log.read_bytes() == b"<***\r\n>"
