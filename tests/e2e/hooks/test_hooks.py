"""Hooks around a run: where they run, what they see, what they leave, how they end a launch."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from support.lab import Lab, running, wait_until_gone
from support.model.codex_responses import Json
from support.users.unprivileged import Unprivileged

MARK = "314.15"
ISSUE = ("--issue", "1", "--agent", "generic")


def before(command: str) -> tuple[str, ...]:
    return (*ISSUE, "--hook-before-run", command)


def hooks_of(lab: Lab, number: int = -1) -> dict[str, Json]:
    """Return what the record of a run says of its hooks, by name."""
    hooks = cast("list[Json]", lab.records[number]["hooks"])
    return {str(hook["name"]): hook for hook in hooks}


def log_of(lab: Lab, name: str) -> str:
    return (lab.run_directory(lab.records[-1]) / f"hook-{name}.log").read_text()


def configure(lab: Lab, text: str) -> None:
    path = Path(lab.environ["XDG_CONFIG_HOME"], "codexlab", "config.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_hooks_run_in_order_in_the_workdir_and_never_write_to_stdout(lab: Lab) -> None:
    configure(
        lab,
        "[hooks]\nafter_create = 'echo create >> trail; pwd'\n"
        "before_run = ['sh', '-c', 'echo before >> trail; cat; echo to-stderr >&2']\n"
        "after_run = 'echo after >> trail'\n",
    )
    done = lab.run(ISSUE, ["sh", "-c", "echo agent >> trail; echo out"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "")
    workdir = lab.workspace / "workdir"
    assert (workdir / "trail").read_text().split() == ["create", "before", "agent", "after"]
    assert log_of(lab, "after_create") == f"{workdir}\n"
    assert log_of(lab, "before_run") == "to-stderr\n"
    assert {each["status"] for each in hooks_of(lab).values()} == {"completed"}
    assert lab.run(ISSUE, ["true"]).returncode == 0
    assert (workdir / "trail").read_text().split()[4:] == ["before", "after"]


def test_a_signal_during_before_run_ends_it_and_the_run(lab: Lab) -> None:
    script = f"trap 'echo told; exit 0' TERM; sleep {MARK} & wait; echo never"
    flags = [*before(script), "--hook-after-run", "echo $CODEXLAB_RUN_REASON"]
    with lab.started(flags, ["sh", "-c", "echo agent"]) as run:
        run.wait_for_event("hook.started")
        wait_for_child(run.events[-1])
        os.kill(run.guardian, 15)
        status, stdout, stderr = run.finish()
    assert (status, stdout) == (143, b"")
    assert "cancelled by SIGTERM before the agent was started; hook before_run was ended" in stderr
    assert lab.records[0]["reason"] == "cancelled"
    assert hooks_of(lab)["before_run"]["status"] == "cancelled"
    assert log_of(lab, "before_run") == "told\n"
    assert log_of(lab, "after_run") == "cancelled\n"
    assert running(MARK) == set()


def test_a_dry_run_names_the_hooks_that_would_run(lab: Lab) -> None:
    flags = [*before("make deps"), "--hook-after-create", "npm ci"]

    def planned(flags: Sequence[str]) -> Json:
        done = lab.run([*flags, "--dry-run", "--json"], ["true"])
        return cast("Json", json.loads(done.stdout)["hooks"])

    both = {"after_create": "npm ci", "before_run": "make deps", "timeout": 300.0}
    assert planned(flags) == both
    assert not lab.workspaces_root.exists()
    assert lab.run([*ISSUE, "--hook-after-create", "true"], ["true"]).returncode == 0
    assert planned(flags) == {"before_run": "make deps", "timeout": 300.0}
    assert planned(ISSUE) == {}


@pytest.mark.parametrize("where", ["hooks = {before_run = 'x'}", "[hooks]\nbefore_run = 'x'"])
def test_a_project_file_cannot_bring_a_hook(lab: Lab, where: str) -> None:
    (lab.cwd / ".codexlab.toml").write_text(f"# mine\n{where}\n")
    done = lab.run(ISSUE, ["true"])
    assert done.returncode == 125
    (line,) = done.stderr.splitlines()
    assert ".codexlab.toml:2: hooks: a project file may set only" in line
    assert not lab.workspaces_root.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs unprivileged already")
def test_without_cgroup_rights_a_hook_is_swept_and_proven_too(
    lab: Lab, as_nobody: Unprivileged
) -> None:
    root = as_nobody.home / "ws"
    environ = as_nobody.places() | {"CODEX_HOME": str(as_nobody.home / ".codex")}
    leave = f"setsid sleep {MARK} >/dev/null 2>&1 & exit 0"
    argv = lab.argv([*before(leave), "--no-repo"], ["true"])
    done = as_nobody.run(argv, environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = root.glob("*/*/*/.codexlab/runs/*/record.json")
    (hook,) = json.loads(path.read_text())["hooks"]
    assert (hook["status"], hook["swept"], hook["left"]) == ("completed", 1, 0)
    assert wait_until_gone(running(MARK)) == set()


def wait_for_child(event: Json) -> None:
    """Wait until the hook of this event has started a process of its own."""
    pid = event["pid"]
    children = Path(f"/proc/{pid}/task/{pid}/children")
    deadline = time.monotonic() + 30
    while not children.read_text():
        assert time.monotonic() < deadline, "the hook started nothing"
        time.sleep(0.01)


def test_a_command_with_quotes_reaches_the_shell_as_it_is(lab: Lab) -> None:
    word = "two  'words' $HOME \"and\" \\more"
    flags = before(f"printf %s {shlex.quote(word)}")
    assert lab.run(flags, ["true"]).returncode == 0
    assert log_of(lab, "before_run") == word
