"""``codexlab stop`` ends runs by their ladder, and returns when the kernel shows them empty."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.commands import program
from support.lab import Lab, Running, running, wait_until_gone
from support.processes.killing import kill_at_once
from support.processes.starting import started_program
from support.terminal.person import terminal
from support.users.unprivileged import Unprivileged

MARK = "163.2"
FLAGS = ["--agent", "generic", "--no-repo"]
READY = "echo ready; "
# It takes no notice of TERM, nor does what it started.
DEAF = ["sh", "-c", f"trap '' TERM; sleep {MARK} & {READY} while :; do sleep {MARK}; done"]
AWAY = ["sh", "-c", f"setsid sleep {MARK} & setsid sh -c 'sleep {MARK}; :' & {READY} sleep {MARK}"]
USUAL = ["sh", "-c", f"{READY} exec sleep {MARK}"]


@contextmanager
def ready(lab: Lab, issue: str, command: list[str], *flags: str) -> Generator[Running]:
    with lab.started(["--issue", issue, *FLAGS, *flags], command) as run:
        assert run.process.stdout is not None
        assert run.process.stdout.readline() == b"ready\n"
        yield run


def described(lab: Lab, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lab.codexlab("stop", "--json", *words).stdout)
    return found


def test_a_run_has_ended_and_is_written_down_when_stop_returns(lab: Lab) -> None:
    with ready(lab, "1", USUAL) as run:
        done = lab.codexlab("stop", "1")
        (record,) = lab.records
        assert (record["reason"], record["exit_status"]) == ("cancelled", 143)
        assert running(MARK) == set()
        assert run.process.wait(0.1) == 143
    assert done.returncode == 0
    assert done.stderr == ""
    first, _, last = done.stdout.partition(" after ")
    assert first == "stopped 1 generic: exit 143"
    assert last.endswith(" s; nothing left running\n")


@pytest.mark.parametrize("containment", ["auto", "subreaper", "process-group"])
def test_now_kills_an_agent_that_takes_no_notice_of_signals(lab: Lab, containment: str) -> None:
    with ready(lab, "1", DEAF, "--containment", containment):
        (found,) = described(lab, "--now", "1")
        assert running(MARK) == set()
    assert (found["action"], found["exit_status"], found["empty"]) == ("stopped", 137, True)
    # The grace alone would take ten seconds.
    assert found["seconds"] < 8
    assert found["contained"]["left"] == 0


def test_what_forked_away_is_ended_and_counted(lab: Lab) -> None:
    with ready(lab, "1", AWAY):
        done = lab.codexlab("stop", "1")
        assert running(MARK) == set()
    assert done.stdout.endswith(" outlived it and ended; nothing left running\n"), done.stdout


def test_several_runs_end_at_once(lab: Lab, scratch: Path) -> None:
    """Each agent ends only when the other agent was asked, too."""
    with (
        ready(lab, "1", waits_for(scratch, "a", "b")),
        ready(lab, "2", waits_for(scratch, "b", "a")),
    ):
        done = lab.codexlab("stop", "1", "2", "1")
    assert done.returncode == 0
    lines = sorted(line.partition(" after ")[0] for line in done.stdout.splitlines())
    assert lines == ["stopped 1 generic: exit 7", "stopped 2 generic: exit 7"]


def waits_for(scratch: Path, own: str, other: str) -> list[str]:
    asked = f"touch {scratch}/{own}; until [ -e {scratch}/{other} ]; do sleep 0.02; done; exit 7"
    return ["sh", "-c", f"trap '{asked}' TERM; {READY} while :; do sleep 0.02; done"]


def test_a_run_in_which_everybody_was_stopped_is_continued(lab: Lab) -> None:
    with ready(lab, "1", USUAL) as run:
        agent = int(str(run.wait_for_event("child.spawned")["pid"]))
        for pid in (agent, run.guardian, run.supervisor):
            os.kill(pid, signal.SIGSTOP)
        (found,) = described(lab, "1")
        assert (found["exit_status"], found["empty"]) == (143, True)
        assert found["seconds"] < 8


@contextmanager
def ignored(*signals: signal.Signals) -> Generator[None]:
    """Start programs that inherit some signals ignored, as a shell's background job does."""
    before = [(signum, signal.signal(signum, signal.SIG_IGN)) for signum in signals]
    try:
        yield
    finally:
        for signum, handler in before:
            signal.signal(signum, handler)


def test_now_reaches_a_run_that_was_started_deaf_to_the_terminal(lab: Lab) -> None:
    with (
        ignored(signal.SIGINT, signal.SIGQUIT, signal.SIGHUP),
        ready(lab, "1", DEAF) as run,
    ):
        (found,) = described(lab, "--now", "1")
        assert (found["exit_status"], found["empty"]) == (137, True)
        assert found["seconds"] < 8
        assert run.process.wait(1) == 137


def test_a_run_that_ignores_every_request_is_said_to_do_so(lab: Lab) -> None:
    everything = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
    with ignored(*everything), ready(lab, "1", USUAL) as run:
        done = lab.codexlab("stop", "1")
        assert done.returncode == 125
        assert done.stderr == (
            "codexlab: 1 generic: it was started with TERM, INT, QUIT and HUP ignored;"
            f" kill -KILL {run.guardian} ends it\n"
        )
        run.process.kill()
        run.process.wait(10)
        assert lab.codexlab("wait", "1").returncode == 125
        assert running(MARK) == set()


def test_a_run_that_has_ended_is_one_line_and_no_fault(lab: Lab) -> None:
    assert lab.run(["--issue", "1", *FLAGS], ["sh", "-c", "exit 3"]).returncode == 3
    done = lab.codexlab("stop", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 generic has ended: exit 3; nothing left running\n"
    assert lab.run(["--issue", "2", *FLAGS], ["no-such-command"]).returncode == 127
    done = lab.codexlab("stop", "2")
    assert done.stdout == "2 generic has ended: exit 127 (launch-failed); no agent was started\n"


def test_a_dry_run_names_the_runs_and_ends_none(lab: Lab) -> None:
    with ready(lab, "1", USUAL) as run:
        run_id = str(run.wait_for_event("child.spawned")["run_id"])
        done = lab.codexlab("stop", "--dry-run", "1", "-")
        assert (done.returncode, done.stdout) == (0, f"would stop 1 generic, run {run_id}\n")
        assert run.process.poll() is None
        assert described(lab, run_id)[0]["run_id"] == run_id


def test_with_one_unknown_name_no_run_is_ended(lab: Lab) -> None:
    with ready(lab, "12", USUAL) as run:
        done = lab.codexlab("stop", "12", "13")
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr == "codexlab: 13: no run has that name; near: 12\n"
        assert run.process.poll() is None
        assert lab.codexlab("stop", "12").returncode == 0


def test_a_killed_run_is_left_to_reap(lab: Lab) -> None:
    with ready(lab, "1", AWAY) as run:
        agents = running(MARK)
        kill_at_once(run.guardian, run.supervisor)
        run.process.wait(10)
        done = lab.codexlab("stop", "1")
        assert done.returncode == 125
        assert done.stderr == (
            "codexlab: 1 generic: it was killed and may have left processes;"
            " codexlab reap ends them\n"
        )
        assert lab.codexlab("reap").returncode == 0
        assert wait_until_gone(agents) == set()
    assert lab.codexlab("stop", "1").returncode == 0


def test_a_run_that_waits_for_its_workspace_can_be_stopped_by_its_id(lab: Lab) -> None:
    with ready(lab, "1", USUAL):
        with lab.started(["--issue", "1", "--wait", *FLAGS], ["true"]) as waiting:
            run_id = str(waiting.wait_for_event("run.planned")["run_id"])
            done = lab.codexlab("stop", run_id)
            assert done.returncode == 0
            assert done.stdout.startswith("stopped 1 generic: exit 143 after ")
            assert done.stdout.endswith(" s; no agent was started\n")
            assert waiting.finish()[0] == 143
        assert lab.codexlab("stop", "1").stdout.endswith("; nothing left running\n")


def test_ctrl_c_says_that_the_run_goes_on_ending(lab: Lab) -> None:
    with ready(lab, "1", DEAF) as run:
        run_id = str(run.wait_for_event("child.spawned")["run_id"])
        words: list[str | Path] = [lab.program.with_name("codexlab"), "stop", "1"]
        with started_program(words, lab.environ, lab.cwd) as stopping:
            run.wait_for_event("signal.sent")
            stopping.send_signal(signal.SIGINT)
            _, said = stopping.communicate(timeout=10)
            assert stopping.returncode == 130
        assert said == (f"codexlab: 1 generic goes on; codexlab wait {run_id} waits for its end\n")
        assert lab.codexlab("stop", "--now", "1").returncode == 0
        assert running(MARK) == set()


def test_a_person_is_told_why_a_run_does_not_end_at_once(lab: Lab) -> None:
    with ready(lab, "1", DEAF) as run:
        words: list[str | Path] = [lab.program.with_name("codexlab"), "stop", "1"]
        with terminal(words, lab.environ, lab.cwd) as screen:
            screen.wait_for("codexlab: 1 generic has its grace to end by itself; --now ends it")
            assert lab.codexlab("stop", "--now", "1").returncode == 0
            screen.wait_for("stopped 1 generic: exit 137 after .*; nothing left running")
        assert run.process.wait(10) == 137


def test_a_run_of_an_embedding_host_is_ended_and_the_host_lives_on(lab: Lab, scratch: Path) -> None:
    (scratch / "shared").mkdir()
    words: list[str | Path] = [sys.executable, "-c", program("host_of_a_run"), scratch]
    with started_program(words, lab.environ, lab.cwd) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "up\n"
        (found,) = described(lab, "1")
        assert (found["action"], found["empty"], found["reason"]) == ("stopped", True, "cancelled")
        assert host.wait(10) == 0


def test_nobody_stops_their_own_run_and_not_one_that_root_started_in_their_home(
    lab: Lab, as_nobody: Unprivileged
) -> None:
    environ = {**as_nobody.environ, "HOME": str(as_nobody.home), **as_nobody.places()}
    for issue, starter in (("own", as_nobody.argv), ("roots", list[str])):
        words = starter(lab.argv(["--issue", issue, *FLAGS], USUAL))
        with started_program(words, environ, as_nobody.home) as run:
            assert run.stdout is not None
            assert run.stdout.readline() == "ready\n"
            stop: list[str | Path] = [lab.program.with_name("codexlab"), "stop", issue]
            done = as_nobody.run(stop, environ=as_nobody.places())
            if issue == "roots" and os.geteuid() == 0:
                assert (done.returncode, done.stdout) == (125, "")
                assert done.stderr == (
                    "codexlab: roots generic: it belongs to user root (uid 0);"
                    " expected a run of yours\n"
                )
                run.terminate()
            else:
                assert done.returncode == 0, done.stderr
            run.communicate(timeout=20)
            assert run.returncode == 143


def test_how_a_run_ended_is_known_when_its_workspace_is_gone(lab: Lab) -> None:
    assert lab.run(["--issue", "1", *FLAGS], ["sh", "-c", "exit 3"]).returncode == 3
    assert lab.codexlab("workspace", "remove", "1", "--force").returncode == 0
    done = lab.codexlab("stop", "1")
    assert done.stdout == "1 generic has ended: exit 3; nothing left running\n", done.stderr
