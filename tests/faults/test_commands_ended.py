"""A command that is ended while its git is at work leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.lab import Lab, running, wait_until_running
from support.leaks import end_processes

# Work that a filter of the user's has to look at: every file is compared before a workspace goes.
WORK = "echo '* filter=slow' >.gitattributes; git add .; git commit -qm a"
FILTER = "sleep 313.7"
FLAGS = ["--issue", "1", "--agent", "generic"]
COMMANDS = (("show", "1"), ("gc", "--idle", "0s"), ("remove", "1"))


def started(lab: Lab, *words: str) -> subprocess.Popen[str]:
    program = Path(sys.executable).with_name("codexlab")
    return subprocess.Popen(
        [program, "workspace", *words],
        env=lab.environ,
        cwd=lab.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def looks_of(lab: Lab) -> Path:
    return Path(lab.environ["XDG_STATE_HOME"], "codexlab", "looks")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("words", COMMANDS, ids=[words[0] for words in COMMANDS])
def test_a_command_ended_by_a_signal_ends_its_git(
    lab: Lab, words: tuple[str, ...], signum: signal.Signals
) -> None:
    assert lab.run(FLAGS, ["sh", "-c", WORK], timeout=60).returncode == 0
    settings = lab.cwd.parent / "gitconfig"
    lab.environ["GIT_CONFIG_GLOBAL"] = str(settings)
    settings.write_text(f'[filter "slow"]\n\tclean = {FILTER}\n')
    with started(lab, *words) as command:
        try:
            wait_until_running(FILTER, 1, timeout=10)
            command.send_signal(signum)
            _, said = command.communicate(timeout=20)
            left = running(FILTER)
        finally:
            command.kill()
            end_processes(running(FILTER))
    assert (command.returncode, said, left) == (128 + signum, "", set())
    assert not looks_of(lab).exists()


def test_the_next_look_removes_what_a_killed_look_left(lab: Lab) -> None:
    assert lab.run(FLAGS, ["sh", "-c", "git init -q nested"]).returncode == 0
    (looks_of(lab) / "tmpkilled" / "refs").mkdir(parents=True)
    with started(lab, "show", "1") as look:
        look.communicate(timeout=20)
    assert not looks_of(lab).exists()
