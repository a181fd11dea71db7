"""A person at a terminal reads why a run ended that did not end by itself."""

from __future__ import annotations

import os
import re
import signal

import pytest
from support.lab import Lab
from support.terminal.person import SHELL, Typed, terminal

PLAIN = ["--issue", "1", "--no-repo", "--grace", "100ms"]
HOG = "import time; held = bytearray(300 << 20); time.sleep(60)"


def lines_of(lab: Lab, flags: list[str], command: list[str]) -> str:
    """Return what the launcher says at a terminal, from the first line to the status."""
    words = ["sh", "-c", SHELL, *lab.argv([*PLAIN, *flags], command)]
    with terminal(words, lab.environ, lab.cwd) as screen:
        return screen.read_to(b"]\r\n").decode()


@pytest.mark.parametrize(
    ("flags", "command", "said"),
    [
        (["--timeout", "5s"], ["sleep", "60"], "was ended: the time limit was over"),
        (["--idle-timeout", "300ms"], ["sleep", "60"], "was ended: it was idle"),
        (
            ["--memory-max", "100M"],
            ["python3", "-c", HOG],
            "was ended: it held more memory than the limit allows",
        ),
        ([], ["sh", "-c", "kill -KILL $$"], "died by SIGKILL"),
    ],
    ids=["time", "idle", "memory", "killed"],
)
def test_a_forced_end_has_a_line_at_a_terminal(
    lab: Lab, flags: list[str], command: list[str], said: str
) -> None:
    shown = lines_of(lab, flags, command)
    (line,) = re.findall(r"codexlab-run: (the agent .*)\r\n", shown)
    assert line.startswith(f"the agent {said}")
    # The kernel kills at the memory limit, and we end the agent where it does not watch.
    status = lab.records[0]["exit_status"]
    assert line.endswith(f"(status {status}); see {lab.run_directory(lab.records[0])}/record.json")
    assert shown.endswith(f"[status {status}")


def test_a_signal_to_the_launcher_has_a_line_at_a_terminal(lab: Lab) -> None:
    words = ["sh", "-c", SHELL, *lab.argv(PLAIN, ["sh", "-c", "echo ready; exec sleep 60"])]
    with terminal(words, lab.environ, lab.cwd) as screen:
        screen.wait_for("ready")
        os.kill(Typed(screen, screen.settings).guardian, signal.SIGTERM)
        screen.wait_for(r"the agent was ended: codexlab-run was asked to end \(status 143\); see ")


def test_an_end_of_its_own_has_no_such_line(lab: Lab) -> None:
    assert "the agent" not in lines_of(lab, [], ["sh", "-c", "exit 3"])


def test_a_program_that_reads_stderr_gets_no_such_line(lab: Lab) -> None:
    done = lab.run([*PLAIN, "--idle-timeout", "300ms"], ["sleep", "60"])
    assert (done.returncode, done.stderr) == (124, "")


def test_one_line_is_enough_for_who_asks_for_details(lab: Lab) -> None:
    done = lab.run([*PLAIN, "-v", "--idle-timeout", "300ms"], ["sleep", "60"])
    assert "idle, status 124" in done.stderr
    assert "the agent was ended" not in done.stderr
