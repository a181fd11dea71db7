"""What ``--network`` opens and closes for a real codex's tools, and what is said of it."""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Generator
from pathlib import Path

import pytest
from support.lab import Lab, Task
from support.marks import both_codex
from support.model.server import ModelFactory, run_command, say


@pytest.fixture
def call_out() -> Generator[str]:
    """Return a shell command that connects to a port of ours and says how that went."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        yield f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' && echo reached || echo refused"


def _configured(lab: Lab) -> object:
    text = (lab.workspace / "codex-home" / "config.toml").read_text()
    return tomllib.loads(text)["sandbox_workspace_write"]["network_access"]


@both_codex
def test_codexs_tool_reaches_the_network_only_where_it_is_open(
    lab: Lab, model: ModelFactory, task: Task, call_out: str
) -> None:
    told: list[str] = []
    for flags in (["--network", "off"], ["--network", "on"], []):
        server = model([run_command(call_out), say("tried")])
        done = lab.run(["--issue", "123", "-v", *flags], task("call"))
        assert done.returncode == 0, done.stderr
        told.append(server.requests[1].tool_outputs[0])
        assert f"; network {lab.records[-1]['network']}" in done.stderr
    assert ["reached" in output for output in told] == [False, True, True], told
    assert "refused" in told[0]
    said = [(record["network"], record["network_decided_by"]) for record in lab.records]
    assert said == [("off", "setting"), ("on", "setting"), ("on", "default")]
    assert _configured(lab) is True


@both_codex
def test_a_sandbox_that_is_off_is_said_to_leave_the_network_open(
    lab: Lab, model: ModelFactory, task: Task, call_out: str
) -> None:
    server = model([run_command(call_out), say("tried")])
    command = task("call", sandbox="danger-full-access")
    done = lab.run(["--issue", "123", "--network", "off"], command)
    assert "reached" in server.requests[1].tool_outputs[0]
    because = "the command turns codex's sandbox off"
    line = f"--network off does not hold: {because}, so the network is on"
    assert done.stderr.splitlines()[0] == f"codexlab-run: {line}"
    (record,) = lab.records
    assert (record["network"], record["network_decided_by"]) == ("on", "command")
    assert line in record["warnings"]


@both_codex
def test_a_file_of_the_project_cannot_open_what_should_be_closed(
    lab: Lab, model: ModelFactory, task: Task, call_out: str, shared_home: Path
) -> None:
    lab.run(["--issue", "123", "--agent", "codex"], ["mkdir", ".codex"])
    planted = lab.workspace / "workdir" / ".codex" / "config.toml"
    planted.write_text("[sandbox_workspace_write]\nnetwork_access = true\n")
    with (shared_home / "config.toml").open("a") as config:
        config.write(f'\n[projects."{lab.cwd}"]\ntrust_level = "trusted"\n')
    server = model([run_command(call_out), say("tried")])
    refused = lab.run(["--issue", "123", "--network", "off"], task("call"))
    assert refused.returncode == 125
    assert refused.stderr.splitlines()[-1].startswith(
        f"codexlab-run: --network off: {planted} may decide otherwise; give the command"
    )
    assert not server.requests
    above = ("-c", "sandbox_workspace_write.network_access=false")
    done = lab.run(["--issue", "123", "--network", "off"], [*task("call"), *above])
    assert done.returncode == 0, done.stderr
    assert "refused" in server.requests[1].tool_outputs[0]
    assert lab.records[-1]["network_decided_by"] == "command"
    server = model([run_command(call_out), say("tried")])
    lab.run(["--issue", "123"], task("call"))
    assert "reached" in server.requests[1].tool_outputs[0]
    assert lab.records[-1]["network"] is None
