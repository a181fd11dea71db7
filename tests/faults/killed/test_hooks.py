"""SIGKILL to half of codexlab, or to all of it, while a hook runs.

Invariant: whoever launches the issue next runs alone, nothing of the hook is left, and
``after_create`` runs again until it has ended well once.
"""

from __future__ import annotations

import json
import secrets
import time

import pytest
from support.lab import Lab, running
from support.model.codex_responses import Json
from support.processes.killing import kill, wait_for_both_halves

HOOK = """
echo $CODEXLAB_HOOK >> ../trail
test -e ../came && exit 0
touch ../came
setsid sleep {mark} &
sleep {mark} & wait
"""
ALONE = """
for file in /proc/[0-9]*/cmdline; do
    case "$(tr '\\0' ' ' <$file 2>/dev/null)" in "sleep {mark} ") echo "beside $file";; esac
done
echo alone
"""


@pytest.mark.parametrize("hook", ["after_create", "before_run", "after_run"])
@pytest.mark.parametrize("victims", ["supervisor", "guardian", "both"])
def test_after_a_kill_during_a_hook_the_next_launch_runs_alone(
    lab: Lab, victims: str, hook: str
) -> None:
    mark = f"271.{secrets.randbits(40)}"
    flag = f"--hook-{hook.replace('_', '-')}"
    flags = ["--issue", "1", "--agent", "generic", "--no-repo", flag, HOOK.format(mark=mark)]
    agent = ["sh", "-c", ALONE.format(mark=mark)]
    with lab.started(flags, agent) as run:
        started = run.wait_for_event("hook.started")
        wait_for_sleepers(mark)
        kill(run, victims)
        run.process.wait(30)
        wait_for_both_halves(run)
        done = lab.run(flags, agent)
    assert started["name"] == hook
    assert (done.returncode, done.stdout) == (0, "alone\n"), done.stderr
    assert running(mark) == set()
    lost, last = lab.records
    assert lost["reason"] == ("exited" if hook == "after_run" else "supervisor-lost")
    assert lost["finished"] is not None
    assert_events_agree(lab, lost)
    (told,) = lost["hooks"]
    # A supervisor that lives on saw the hook's end; the dead one's note stays as it was.
    assert told["status"] == ("guardian-lost" if victims == "guardian" else None)
    assert [each["status"] for each in last["hooks"]] == ["completed"]
    assert (lab.workspace / "trail").read_text().split() == [hook, hook]
    third = lab.run(flags, agent)
    assert third.returncode == 0
    expected = 2 if hook == "after_create" else 3
    assert len((lab.workspace / "trail").read_text().split()) == expected


def assert_events_agree(lab: Lab, record: Json) -> None:
    """The last event tells what the record does, which keeps what was read of the agent's end."""
    lines = (lab.run_directory(record) / "events.ndjson").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    last, proofs = events[-1], [each for each in events if each["event"] == "contained"]
    assert [each["event"] for each in events].count("run.finished") == 1
    told = (last["event"], last["reason"], last["exit_status"])
    assert told == ("run.finished", record["reason"], record["exit_status"])
    if record["reason"] == "exited":
        assert record["contained"].items() <= proofs[0].items()
        assert record["contained"]["swept"] == 0


def wait_for_sleepers(mark: str) -> None:
    """Wait until the hook's two processes run."""
    deadline = time.monotonic() + 30
    while len(sleepers(mark)) < 2:
        assert time.monotonic() < deadline, "the hook's processes did not start"
        time.sleep(0.01)


def sleepers(mark: str) -> list[str]:
    return [each.command for each in running(mark) if each.command.startswith("sleep")]
