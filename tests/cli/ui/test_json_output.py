"""What ``--json`` prints commands no terminal, and is the very same value to a parser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.lab import Lab
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write

from codexlab.cli.ui.json_lines import json_bytes

ODD = "".join(map(chr, [*range(0x80, 0xA1), 0xE9, 0x2013, 0x2027, 0x2028, 0x2029, 0x202A, 0x1F600]))
COMMANDS = re.compile("[\x80-\x9f\u2028\u2029]")
COMMAND = "\x9b31m\u2028red\u2029"


def answer(environ: dict[str, str], *words: str) -> str:
    program = Path(sys.executable).with_name("codexlab")
    done = subprocess.run([program, *words], env=environ, capture_output=True, check=False)
    assert done.returncode in (0, 1), (words, done.stderr)
    return done.stdout.decode()


@pytest.mark.parametrize("value", [ODD, [{ODD: ODD}], "\\u009b " + ODD, "Â\x80â€¨"])
def test_a_value_is_escaped_and_equal_when_parsed(value: Any) -> None:
    data = json_bytes(value)
    assert not COMMANDS.search(data.decode())
    assert json.loads(data) == orjson.loads(data) == value


def test_no_more_is_escaped_than_must_be() -> None:
    assert json_bytes("\x9b\xa0\u2028\u2013é") == '"\\u009b\xa0\\u2028\u2013é"'.encode()


def test_a_conversation_in_json_commands_no_terminal(scratch: Path, lab: Lab) -> None:
    home = scratch / "odd"
    place = f"/nowhere/{COMMAND}"
    records = (meta(thread_id(1), cwd=place), message("user", f"do {COMMAND} well"))
    write(rollout_path(home, thread_id(1)), lines(*records))
    named = {"id": thread_id(1), "thread_name": COMMAND, "updated_at": "2025-01-03T12:00:00Z"}
    (home / "session_index.jsonl").write_text(json.dumps(named, ensure_ascii=False) + "\n")
    environ = lab.environ | {"CODEX_HOME": str(home)}
    for words in (
        ("list", "--json"),
        ("search", "--json", "well"),
        ("show", "--json", thread_id(1)),
        ("stats", "--json"),
        ("verify", "--json"),
    ):
        said = answer(environ, "rollout", *words)
        assert not COMMANDS.search(said), words
    listed = json.loads(answer(environ, "rollout", "list", "--json"))
    assert listed["rollouts"][0]["cwd"] == place
    found = json.loads(answer(environ, "rollout", "search", "--json", "well"))
    assert found["cwd"] == place


def test_what_is_said_of_workspaces_in_json_commands_no_terminal(lab: Lab) -> None:
    odd = lab.cwd / f"w{COMMAND}"
    odd.mkdir()
    flags = ["--issue", "1", "--agent", "generic", "--workdir", str(odd)]
    planned = lab.run([*flags, "--dry-run", "--json"], ["sh", "-c", f"# {COMMAND}"])
    assert planned.returncode == 0, planned.stderr
    assert not COMMANDS.search(planned.stdout)
    assert COMMAND in json.loads(planned.stdout)["argv"][-1]
    assert lab.run(flags, ["sh", "-c", f"exit 0 # {COMMAND}"]).returncode == 0
    for words in (
        ("workspace", "list"),
        ("workspace", "show", "1"),
        ("workspace", "gc", "--idle", "0s"),
        ("ps", "--all"),
        ("show", "1"),
        ("reap",),
        ("env", "explain"),
    ):
        assert not COMMANDS.search(answer(lab.environ, *words, "--json")), words
    (record,) = lab.workspace.glob(".codexlab/runs/*/record.json")
    for written in record.parent.iterdir():
        if written.suffix in (".json", ".ndjson"):
            assert not COMMANDS.search(written.read_text()), written
