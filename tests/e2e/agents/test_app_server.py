"""A protocol on stdin and stdout passes through untouched."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.agents.codex import OLD, Codex
from support.lab import Lab
from support.marks import both_codex
from support.model.server import ModelFactory

_CLIENT = {"name": "codexlab_tests", "title": None, "version": "1"}
_HELLO = json.dumps({"id": 0, "method": "initialize", "params": {"clientInfo": _CLIENT}})


@both_codex
def test_the_initialize_handshake_of_app_server_is_byte_exact(
    lab: Lab, model: ModelFactory, codex: Codex
) -> None:
    model([])
    command = [str(codex.native), "app-server"]
    flags = ["--issue", "123", "--stdin", "inherit"]
    with lab.started(flags, command, stdin=subprocess.PIPE) as run:
        answer = shake_hands(run.process)
        status, rest, _ = run.finish()
    assert status == 0
    assert json.loads(answer)["id"] == 0
    assert answer + rest == (lab.run_directory(lab.records[0]) / "stdout.log").read_bytes()
    assert answer == direct_answer(lab, command)


@pytest.mark.parametrize("codex", [OLD], indirect=True)
def test_a_socket_that_lies_too_deep_for_an_older_codex_is_told_before_it_fails(
    lab: Lab, model: ModelFactory, codex: Codex, scratch: Path
) -> None:
    model([])
    flags = ["--issue", "1", "--workspaces-root", str(scratch / ("deep" * 12))]
    listen = [str(codex.native), "app-server", "--listen"]
    done = lab.run(flags, [*listen, "unix://"])
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    told = next(i for i, line in enumerate(lines) if "set a shorter --workspaces-root" in line)
    assert any("SUN_LEN" in line for line in lines[told:])
    planned = lab.run([*flags, "--dry-run"], [*listen, "unix://"])
    assert "set a shorter --workspaces-root" in planned.stdout
    for others in ([*listen, "unix:///tmp/own.sock"], [str(codex.native), "exec", "hello"]):
        planned = lab.run([*flags, "--dry-run"], others)
        assert "set a shorter --workspaces-root" not in planned.stdout + planned.stderr


def direct_answer(lab: Lab, command: list[str]) -> bytes:
    """Return what the same codex answers to the same home without codexlab between."""
    environ = {**lab.environ, "CODEX_HOME": str(lab.workspace / "codex-home")}
    with subprocess.Popen(
        command,
        bufsize=0,
        cwd=lab.workspace / "workdir",
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        answer = shake_hands(process)
        process.communicate(timeout=20)
    return answer


def shake_hands(process: subprocess.Popen[bytes]) -> bytes:
    """Send initialize and return the line that answers it; notices may come before."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(_HELLO.encode() + b"\n")
    process.stdin.flush()
    return process.stdout.readline()
