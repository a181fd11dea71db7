"""A failed attempt is tried again in fresh containment, and only when that is safe."""

from __future__ import annotations

import signal
from pathlib import Path

from support.lab import Lab, Task
from support.model.codex_responses import Json
from support.model.server import ModelFactory, fail, say

FAIL_ONCE = ["sh", "-c", "test -e failed && exit 0; touch failed; setsid sleep 60 & exit 7"]


def test_an_attempt_that_failed_is_followed_by_one_that_succeeds(lab: Lab) -> None:
    with lab.started(["--issue", "1", "--retries", "2"], FAIL_ONCE) as run:
        retrying = run.wait_for_event("attempt.retrying")
        run.wait_for_event("run.finished")
        status, _, _ = run.finish()
    assert status == 0
    assert retrying["attempt"] == 1
    (record,) = lab.records
    assert [attempt["exit_status"] for attempt in record["attempts"]] == [7, 0]
    spawned = [event["attempt"] for event in run.events if event["event"] == "child.spawned"]
    swept = [event["swept"] for event in run.events if event["event"] == "contained"]
    assert (spawned, swept) == ([1, 2], [1, 0])


def test_a_status_that_is_not_listed_is_not_retried(lab: Lab) -> None:
    done = lab.run(["--issue", "1", "--retries", "3", "--retry-on", "1,75"], FAIL_ONCE)
    assert done.returncode == 7


def test_a_signal_between_two_attempts_ends_the_run(lab: Lab) -> None:
    with lab.started(["--issue", "1", "--retries", "9"], ["false"]) as run:
        run.wait_for_event("attempt.retrying")
        run.process.send_signal(signal.SIGTERM)
        status, _, _ = run.finish()
    assert status == 143
    (record,) = lab.records
    assert record["reason"] == "cancelled"
    assert_tells_of_one_attempt(record)
    assert "between two attempts" in str(record["error"])
    assert "nothing was run" not in str(record["error"])
    assert lab.run(["--issue", "1"], ["true"]).returncode == 0


def test_a_next_attempt_that_cannot_start_leaves_the_last_ones_facts(
    lab: Lab, scratch: Path
) -> None:
    once = scratch / "once"
    once.write_text("#!/bin/sh\nrm $0\nexit 1\n")
    once.chmod(0o700)
    done = lab.run(["--issue", "1", "--retries", "9"], [once])
    assert done.returncode == 127
    (record,) = lab.records
    assert (record["reason"], record["exit_status"]) == ("launch-failed", 127)
    assert_tells_of_one_attempt(record)


def assert_tells_of_one_attempt(record: Json) -> None:
    """Look for what the only attempt, which ended with status 1, was and left."""
    assert [attempt["exit_status"] for attempt in record["attempts"]] == [1]
    assert (record["contained"]["proven"], record["contained"]["left"]) == (True, 0)
    assert record["exit_code"] == 1
    assert record["agent_outcome"] == "failed"
    assert record["usage"]["max_rss_kib"] > 0
    assert record["duration"] > 0
    assert "head_before" in record["git"]


def test_the_time_limit_holds_between_two_attempts_and_no_other_follows(lab: Lab) -> None:
    flags = ["--issue", "1", "--retries", "9", "--timeout", "3s"]
    with lab.started(flags, ["false"]) as run:
        finished = run.wait_for_event("run.finished")
        status, _, stderr = run.finish()
    assert status == 124
    assert (finished["reason"], finished["exit_status"]) == ("timeout", 124)
    spawned = [event["attempt"] for event in run.events if event["event"] == "child.spawned"]
    retrying = [event for event in run.events if event["event"] == "attempt.retrying"]
    assert len(spawned) == len(retrying) + 1  # who is told of another one gets to see it
    assert finished["mono"] - run.events[0]["mono"] < 15  # all nine would take minutes
    (record,) = lab.records
    assert (record["reason"], record["exit_status"]) == ("timeout", 124)
    assert len(record["attempts"]) == len(spawned)
    # On a busy machine it may be over just while an attempt is under way.
    between = record["attempts"][-1]["reason"] != "timeout"
    assert ("--timeout" in stderr) == between


def test_a_signal_while_the_rest_of_an_attempt_is_swept_lets_no_other_follow(lab: Lab) -> None:
    stubborn = (
        "setsid sh -c 'trap \"\" TERM; : > ready; sleep 60' & until test -e ready; do :; done"
    )
    with lab.started(
        ["--issue", "1", "--retries", "9"], ["sh", "-c", f"{stubborn}; exit 7"]
    ) as run:
        run.wait_for_event("signal.sent")
        run.process.send_signal(signal.SIGTERM)
        status, _, _ = run.finish()
    assert status == 7
    (record,) = lab.records
    assert len(record["attempts"]) == 1
    assert (record["contained"]["swept"], record["contained"]["left"]) == (2, 0)


def test_codex_resumes_its_thread_in_the_second_attempt(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    model([fail(400, "no"), say("done now")])
    done = lab.run(["--issue", "1", "--retries", "1"], task("{resume}", "go on"))
    assert done.returncode == 0, done.stderr
    (record,) = lab.records
    assert len(record["attempts"]) == 2
    assert "resume" in record["argv"]
    assert record["agent_outcome"] == "completed"


def test_without_resume_nothing_an_agent_began_is_done_twice(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    model([fail(400, "no"), say("never asked")])
    done = lab.run(["--issue", "1", "--retries", "3"], task("go on"))
    assert done.returncode == 1
    assert len(lab.records[0]["attempts"]) == 1
