"""Whoever started a run reads how it ended, and why it ended badly."""

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
        (["--timeout", "5s"], ["sleep", "60"], "the time limit of 5 s was over"),
        (["--idle-timeout", "300ms"], ["sleep", "60"], "no output and no work for 0.3 s"),
        (
            ["--memory-max", "100M"],
            ["python3", "-c", HOG],
            "it held more memory than the limit allows",
        ),
        ([], ["sh", "-c", "kill -KILL $$"], "the agent died by SIGKILL"),
    ],
    ids=["time", "idle", "memory", "killed"],
)
def test_a_forced_end_has_a_line_at_a_terminal(
    lab: Lab, flags: list[str], command: list[str], said: str
) -> None:
    shown = lines_of(lab, flags, command)
    # The kernel kills at the memory limit, and we end the agent where it does not watch.
    record = lab.records[0]
    status = record["exit_status"]
    (line,) = re.findall(r"codexlab-run: (\w.* after .*)\r\n", shown)
    assert f", exit {status}: {said}; nothing left running." in line
    assert shown.endswith(f"[status {status}")
    assert record["why"] == said


def test_a_signal_to_the_launcher_has_a_line_at_a_terminal(lab: Lab) -> None:
    words = ["sh", "-c", SHELL, *lab.argv(PLAIN, ["sh", "-c", "echo ready; exec sleep 60"])]
    with terminal(words, lab.environ, lab.cwd) as screen:
        screen.wait_for("ready")
        os.kill(Typed(screen, screen.settings).guardian, signal.SIGTERM)
        screen.wait_for(r"stopped after .*, exit 143: codexlab-run was asked to end; nothing left")


def test_a_good_end_has_a_line_at_a_terminal_only(lab: Lab) -> None:
    assert "done in " in lines_of(lab, [], ["true"])
    assert lab.run(PLAIN, ["true"]).stderr == ""
    assert "done in " in lab.run([*PLAIN, "-v"], ["true"]).stderr


def test_a_quiet_run_says_only_why_it_failed(lab: Lab) -> None:
    (lab.cwd / "new").write_text("left behind")
    flags = ["--issue", "1", "--agent", "generic"]
    assert "stay behind" in lab.run(flags, ["true"]).stderr
    for quiet in (["-q"], ["--quiet", "-v"]):
        done = lab.run([*flags[2:], "--issue", "2", *quiet], ["true"])
        assert (done.returncode, done.stderr) == (0, "")
    assert any("stay behind" in str(line) for line in lab.records[1]["warnings"])
    (line,) = lab.run([*flags, "-q"], ["sh", "-c", "exit 3"]).stderr.splitlines()
    assert ", exit 3; " in line


def test_changes_are_told_with_the_command_that_shows_them(lab: Lab) -> None:
    done = lab.run(["--issue", "1", "-v", "--agent", "generic"], ["sh", "-c", "echo x > new"])
    assert "; uncommitted changes; nothing left running. Next: codexlab diff 1" in done.stderr
    commit = "git add -A; git -c user.name=a -c user.email=a@b commit -qm x"
    done = lab.run(["--issue", "1", "-v", "--agent", "generic"], ["sh", "-c", commit])
    assert "; 1 commit; nothing left running. Next: codexlab diff 1" in done.stderr


def test_a_bad_end_has_a_line_for_programs_too(lab: Lab) -> None:
    done = lab.run([*PLAIN, "--idle-timeout", "300ms"], ["sleep", "60"])
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line.partition(" ")[0]) == (124, "codexlab-run:")
    assert "no output and no work for 0.3 s" in line


def test_the_last_line_of_stderr_is_the_reason_of_a_failure(lab: Lab) -> None:
    said = r"printf 'first\n\033[31mno luck\033[0m\n\n' >&2; exit 3"
    done = lab.run(["--issue", "1", "--agent", "generic"], ["sh", "-c", said])
    *_, line = done.stderr.splitlines()
    assert re.search(r"failed after [\d.]+ s, exit 3: no luck; nothing left running", line)
    assert lab.records[0]["why"] == "exit 3: no luck"
    assert lab.records[0]["message"] is None


def test_a_secret_in_the_reason_is_masked(lab: Lab) -> None:
    said = 'echo "bad key $MY_TOKEN" >&2; exit 1'
    flags = ["--issue", "1", "--agent", "generic", "--set", "MY_TOKEN=s3cr3t-v4lue-of-a-token"]
    done = lab.run(flags, ["sh", "-c", said])
    assert "s3cr3t" not in done.stderr.splitlines()[-1]
    assert "s3cr3t" not in str(lab.records[0]["why"])


def test_each_attempt_that_failed_is_told(lab: Lab) -> None:
    done = lab.run([*PLAIN, "--retries", "1"], ["sh", "-c", "exit 9"])
    first, last = done.stderr.splitlines()
    assert re.search(r"attempt 1 of 2 failed \(exit 9\); the next begins in [\d.]+ s", first)
    assert "failed after" in last
