"""A command that is ended while its git is at work leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.git.waiting import add_filter, stuck_program
from support.lab import Lab, running, wait_until_running
from support.processes.leaks import descendants, end_processes

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
            wait_until_running(FILTER, 1)
            command.send_signal(signum)
            _, said = command.communicate(timeout=60)
            left = running(FILTER)
        finally:
            command.kill()
            end_processes(running(FILTER))
    assert (command.returncode, said, left) == (128 + signum, "", set())
    assert not looks_of(lab).exists()


def test_the_next_look_removes_what_a_killed_look_left(lab: Lab, scratch: Path) -> None:
    before = descendants()
    with stuck_program(scratch / "filter") as stuck:
        add_filter(lab.cwd, "clean", stuck.program)
        assert lab.run(FLAGS, ["sh", "-c", "echo two >a.txt"]).returncode == 0
        # Only the user's own filters are heard when something is to be deleted.
        config = Path(lab.environ["HOME"], ".gitconfig")
        config.write_text(f'[filter "stuck"]\n\tclean = {stuck.program}\n')
        lab.environ["GIT_CONFIG_GLOBAL"] = str(config)
        with started(lab, "remove", "1") as killed:
            try:
                stuck.wait_until_it_runs()
                killed.kill()
                killed.wait()
            finally:
                end_processes(descendants() - before)
        config.unlink()
    assert list(looks_of(lab).iterdir()) != []
    with started(lab, "show", "1") as look:
        look.communicate(timeout=60)
    assert look.returncode == 0
    assert not looks_of(lab).exists()
