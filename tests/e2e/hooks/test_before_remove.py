"""The hook before a workspace is removed: what it sees, and what a kill at any moment leaves.

Invariant: nothing is deleted before nothing of the hook is left, and a removal that was
killed is finished by the next ``gc``, however lately the workspace was used.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.lab import Lab, running, wait_until_gone
from support.processes.leaks import descendants

ISSUE = ("--issue", "1", "--agent", "generic", "--no-repo")
Command = Callable[..., list[str]]


@pytest.fixture
def workspace(lab: Lab) -> Path:
    """A workspace an agent has worked in."""
    done = lab.run(ISSUE, ["true"])
    assert done.returncode == 0, done.stderr
    return lab.workspace


@pytest.fixture
def command(lab: Lab) -> Command:
    """Return the vector of ``codexlab workspace WORDS``."""

    def build(*words: str) -> list[str]:
        return [str(lab.program.with_name("codexlab")), "workspace", *words]

    return build


@pytest.fixture
def mark() -> str:
    """An argument for sleep that no other test uses."""
    return f"161.{secrets.randbits(40)}"


def call(lab: Lab, argv: list[str]) -> subprocess.CompletedProcess[str]:
    return lab.call(argv)


def removal(lab: Lab) -> Path:
    """The directory of the last removal."""
    return sorted(Path(lab.environ["XDG_STATE_HOME"], "codexlab", "removals").iterdir())[-1]


def provenance(workspace: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace / ".codexlab" / "workspace.json").read_bytes())
    return found


def test_the_hook_runs_in_the_workdir_and_is_swept_before_anything_goes(
    lab: Lab, workspace: Path, command: Command, mark: str
) -> None:
    secret = "sk-told-by-a-hook-0123456789"
    lab.environ["DEPLOY_TOKEN"] = secret
    hook = (
        "pwd; echo $CODEXLAB_HOOK $CODEXLAB_RUN_ISSUE $CODEXLAB_RUN_WORKSPACE;"
        f" echo {secret} ${{DEPLOY_TOKEN-unset}}; setsid sleep {mark} &"
    )
    done = call(lab, command("remove", "1", "--hook-before-remove", hook))
    assert (done.returncode, done.stderr) == (0, "")
    assert not workspace.exists()
    assert running(mark) == set()
    said = (removal(lab) / "hook-before_remove.log").read_text()
    assert said == f"{workspace}/workdir\nbefore_remove 1 {workspace}\n*** unset\n"
    (told,) = json.loads((removal(lab) / "record.json").read_bytes())["hooks"]
    assert (told["status"], told["swept"], told["left"]) == ("completed", 1, 0)


def test_a_failing_hook_is_told_and_prevents_nothing(
    lab: Lab, workspace: Path, command: Command
) -> None:
    lab.environ["CODEXLAB_HOOK_BEFORE_REMOVE"] = "exit 3"
    done = call(lab, command("remove", "1"))
    assert done.returncode == 0
    log = removal(lab) / "hook-before_remove.log"
    assert done.stderr == f"codexlab: hook before_remove ended with status 3; see {log}\n"
    assert not workspace.exists()


def test_gc_names_the_hook_first_and_runs_it_when_told(
    lab: Lab, workspace: Path, command: Command
) -> None:
    config = Path(lab.environ["XDG_CONFIG_HOME"], "codexlab", "config.toml")
    config.parent.mkdir(parents=True)
    trail = workspace.parents[3] / "trail"
    config.write_text(f"[hooks]\nbefore_remove = ['sh', '-c', 'pwd >> {trail}']\n")
    dry = call(lab, command("gc", "--idle", "0s"))
    assert f"hook before_remove would run before each: sh -c 'pwd >> {trail}'" in dry.stderr
    assert not trail.exists()
    done = call(lab, command("gc", "--idle", "0s", "--apply"))
    assert done.returncode == 0, done.stderr
    assert trail.read_text() == f"{workspace}/workdir\n"
    assert not workspace.exists()


def test_work_that_the_hook_leaves_is_not_deleted(
    lab: Lab, workspace: Path, command: Command
) -> None:
    hook = "echo precious > new"
    done = call(lab, command("remove", "1", "--hook-before-remove", hook))
    assert done.returncode == 125
    assert "uncommitted changes" in done.stderr
    assert (workspace / "workdir" / "new").read_text() == "precious\n"
    assert provenance(workspace)["removing"] is False


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_hook_and_the_removal(
    lab: Lab, workspace: Path, command: Command, mark: str, signum: signal.Signals
) -> None:
    argv = command("remove", "1", "--hook-before-remove", f"exec sleep {mark}")
    process = start(lab, argv)
    wait_for(lambda: sleepers(mark))
    process.send_signal(signum)
    _, stderr = process.communicate(timeout=40)
    assert process.returncode == 128 + signum
    assert f"cancelled by {signum.name} during hook before_remove; nothing of" in stderr
    assert sleepers(mark) == set()
    assert provenance(workspace)["removing"] is False
    assert lab.run(ISSUE, ["true"]).returncode == 0


@pytest.mark.parametrize("victims", ["removal", "guardian", "both"])
def test_a_removal_killed_during_its_hook_is_finished_by_the_next_gc(
    lab: Lab, workspace: Path, command: Command, mark: str, victims: str
) -> None:
    trail = workspace.parents[3] / "trail"
    hook = (
        f"echo x >> {trail}; test $(wc -l < {trail}) -gt 1 && exit;"
        f" setsid sleep {mark} & exec sleep {mark}"
    )
    before = descendants()
    process = start(lab, command("gc", "--idle", "0s", "--apply", "--hook-before-remove", hook))
    wait_for(lambda: len(sleepers(mark)) == 2)
    guardian = json.loads((workspace / ".codexlab" / "owner.json").read_bytes())["pid"]
    if victims != "guardian":
        process.kill()
    if victims != "removal":
        os.kill(guardian, signal.SIGKILL)
    process.communicate(timeout=40)
    own = {each for each in descendants() - before if mark not in each.command}
    assert wait_until_gone(own) == set()
    assert (workspace / "workdir").is_dir()
    if victims == "guardian":
        # The removal lived on, saw it and gave up. What it read without a guardian proves
        # nothing, so somebody has to look again.
        assert provenance(workspace)["removing"] is False
        assert sleepers(mark) == set()
        kept = call(lab, command("gc", "--idle", "0s", "--apply"))
        assert "not proven contained" in kept.stdout
        assert call(lab, [str(lab.program.with_name("codexlab")), "reap"]).returncode == 0
        idle = ["--idle", "0s"]
    else:
        assert provenance(workspace)["removing"] is True
        idle = []
    done = call(lab, command("gc", *idle, "--apply", "--json", "--hook-before-remove", hook))
    assert done.returncode == 0, done.stderr
    assert not workspace.exists(), done.stdout
    assert sleepers(mark) == set()
    assert trail.read_text() == "x\n" * 2


def test_a_launch_after_a_killed_removal_keeps_the_workspace(
    lab: Lab, workspace: Path, command: Command, mark: str
) -> None:
    argv = command("remove", "1", "--hook-before-remove", f"exec sleep {mark}")
    process = start(lab, argv)
    wait_for(lambda: sleepers(mark))
    process.kill()
    process.communicate(timeout=40)
    again = lab.run([*ISSUE, "--wait", "30s"], ["true"])
    assert again.returncode == 0, again.stderr
    assert sleepers(mark) == set()
    done = call(lab, command("gc", "--apply"))
    assert (workspace / "workdir").is_dir(), done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("remove", "1", "--hook-timeout", "soon"), "--hook-timeout: expected a duration above 0"),
        (("gc", "--hook-before-remove", " "), "--hook-before-remove: expected a command"),
    ],
)
def test_a_wrong_hook_is_one_line_and_nothing_is_deleted(
    lab: Lab, workspace: Path, command: Command, words: tuple[str, ...], said: str
) -> None:
    done = call(lab, command(*words))
    assert done.returncode == 125
    (line,) = done.stderr.splitlines()
    assert said in line
    assert workspace.exists()


def start(lab: Lab, argv: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv,
        env=lab.environ,
        cwd=lab.cwd,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def sleepers(mark: str) -> set[str]:
    return {str(each.pid) for each in running(mark) if each.command.startswith("sleep")}


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until it holds; fail where it does not in time."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
