"""Secrets of the caller reach neither the agent nor any file of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from support.agents.codex import STUB_KEY
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import Gate, ModelFactory, hold, run_command, say
from support.users.unprivileged import Unprivileged

PLANTED = "planted-secret-5f1c9e"
NAMES = ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "DATABASE_URL", "MY_OWN_PASSWORD", "PLAIN_NAME")


@both_codex
def test_a_planted_secret_reaches_neither_agent_nor_tool_nor_file(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    gate = Gate()
    tool = "env; cat /proc/$PPID/environ /proc/self/environ | tr '\\0' '\\n'"
    server = model([run_command(tool), hold(gate, say("done"))])
    lab.environ.update(dict.fromkeys(NAMES, PLANTED))
    with lab.started(["--issue", "123"], task("show the environment")) as run:
        agent = run.wait_for_event("child.spawned")["pid"]
        run.wait_for_gate(gate)
        environ = Path(f"/proc/{agent}/environ").read_bytes()
        gate.open()
        status, stdout, stderr = run.finish()
    assert status == 0
    assert STUB_KEY.encode() in environ
    assert PLANTED.encode() not in environ
    assert PLANTED not in "".join(server.requests[1].tool_outputs)
    assert PLANTED not in stdout.decode() + stderr
    assert list(files_holding(lab.workspaces_root, PLANTED)) == []


@both_codex
def test_the_provider_key_reaches_neither_tool_nor_our_files(
    lab: Lab, model: ModelFactory, task: Task
) -> None:
    server = model([run_command("env"), say(f"I found {STUB_KEY} somewhere")])
    done = lab.run(["--issue", "123"], task("show the environment"))
    assert done.returncode == 0, done.stderr
    assert STUB_KEY not in "".join(server.requests[1].tool_outputs)
    assert STUB_KEY in done.stdout
    assert list(files_holding(lab.workspace / ".codexlab", STUB_KEY)) == []
    assert "I found" in (lab.run_directory(lab.records[0]) / "stdout.log").read_text()


def test_what_codexlab_was_started_with_cannot_be_read_from_its_processes(
    lab: Lab, as_nobody: Unprivileged
) -> None:
    # ps eww shows every process of one user to all of that user's processes.
    places = {f"XDG_{name}_HOME": str(as_nobody.home / name) for name in ("CONFIG", "STATE")}
    environ = {
        **places,
        **dict.fromkeys(NAMES, PLANTED),
        "CODEXLAB_WORKSPACES_ROOT": str(as_nobody.home / "ws"),
    }
    script = (
        "for p in $PPID $(cat /proc/$PPID/task/$PPID/children);"
        " do cat /proc/$p/environ /proc/$p/cmdline; done"
    )
    flags = ["--issue", "1", "--no-repo", "--set", f"GIVEN={PLANTED}", "--stdin", "null"]
    done = as_nobody.run(lab.argv(flags, ["sh", "-c", script]), environ=environ)
    assert done.returncode == 0, done.stderr
    # Once: in the environment of the agent itself, which was given it.
    assert done.stdout.count(PLANTED) == 1
    assert f"GIVEN={'*' * len(PLANTED)}" in done.stdout
    assert "codexlab-run" in done.stdout


def files_holding(root: Path, text: str) -> Iterator[Path]:
    """Yield the regular files below ``root`` that contain ``text``."""
    for directory, _, names in os.walk(root):
        for path in (Path(directory, name) for name in names):
            if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes():
                yield path


def test_a_secret_on_the_command_line_reaches_no_event_no_record_and_no_message(
    lab: Lab, scratch: Path
) -> None:
    secret = "sk-on-the-command-line-0123456789"
    lab.environ["DEPLOY_TOKEN"] = secret
    events = scratch / "events"
    flags = ["--issue", "1", "--events", str(events), "--set", f"OTHER_KEY={secret}x", "-v"]
    done = lab.run(flags, ["sh", "-c", f": {secret}; exit 3"])
    assert done.returncode == 3
    missing = lab.run(flags, [f"no-such-{secret}"])
    assert missing.returncode == 127
    files = [path for path in lab.workspace.rglob("*") if path.is_file()]
    written = [events.read_bytes(), *(path.read_bytes() for path in files)]
    assert not any(secret.encode() in data for data in written)
    assert secret not in done.stderr + missing.stderr


def test_the_target_of_a_thread_is_found_by_its_thread(
    lab: Lab, model: ModelFactory, task: Task, scratch: Path
) -> None:
    root = scratch / "volume"
    root.mkdir()
    lab.environ["CODEX_LAB_DEVELOPER_ARTIFACTS_ROOT"] = str(root)
    model([say("done")])
    assert lab.run(["--issue", "1"], task("go")).returncode == 0
    (entry,) = (root / "local" / ".codexlab" / "index").glob("*.json")
    assert json.loads(entry.read_text())["thread"] == lab.records[0]["thread"]
