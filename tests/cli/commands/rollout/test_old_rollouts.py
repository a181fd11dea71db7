"""Rollouts as codex wrote them until September 2025: items without records around them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.agents.app_server import AppServer, app_server
from support.agents.codex import Codex
from support.commands import codexlab
from support.model.server import ModelFactory, say
from support.rollout.files import lines, rollout_path, thread_id, write

THREAD = thread_id(1)
OLD = "older than codex's present format"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def _text(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": "message", "id": None, "role": role, "content": content}


RECORDS = (
    {"id": THREAD, "timestamp": "2025-06-24T10:00:00.000Z", "instructions": "be good"},
    _text("user", "<environment_context>\ncwd\n</environment_context>"),
    _text("user", "why is the sky blue"),
    {"record_type": "state"},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
    {
        "type": "function_call",
        "id": "fc_1",
        "name": "shell",
        "arguments": '{"command":["cat","sky"]}',
        "call_id": "c1",
    },
    {"type": "function_call_output", "call_id": "c1", "output": '{"output":"azure"}'},
    _text("assistant", "because of scattering"),
)


@pytest.fixture
def plain(shared_home: Path) -> Path:
    path = rollout_path(shared_home, THREAD, at="2025-06-24T10-00-00")
    return write(path, lines(*RECORDS))


@pytest.fixture
def run(clean_environ: dict[str, str], plain: Path) -> Run:
    assert plain.exists()

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return codexlab(clean_environ, "rollout", *words)

    return call


def test_it_is_listed_by_its_title_and_as_old(run: Run) -> None:
    listed = run("list")
    assert f"why is the sky blue ({OLD})" in listed.stdout
    assert "empty" not in listed.stdout
    (row,) = json.loads(run("list", "--json").stdout)["rollouts"]
    assert (row["thread"], row["problem"]) == (THREAD, OLD)


def test_it_is_shown_as_a_conversation(run: Run) -> None:
    shown = run("show", THREAD).stdout
    assert OLD in shown
    places = [
        shown.index(part)
        for part in (
            "user",
            "why is the sky blue",
            "thinking",
            "▸ shell  cat sky",
            "│ azure",
            "assistant",
            "because of scattering",
        )
    ]
    assert places == sorted(places)
    assert "input_text" not in shown
    assert "record_type" not in shown
    roles = [json.loads(line)["role"] for line in run("show", "--json", THREAD).stdout.splitlines()]
    assert roles == ["user", "reasoning", "tool", "tool", "assistant"]


def test_it_is_searched_by_role_and_by_date(run: Run) -> None:
    for words in (
        ("cat", "--role", "tool"),
        ("sky blue", "--role", "user", "--no-rg"),
        ("scattering", "--since", "2025-06-01"),
    ):
        assert run("search", *words).returncode == 0, words
    assert run("search", "scattering", "--since", "2025-07-01").returncode == 1
    assert run("search", "cwd", "--role", "user").returncode == 1


def test_it_is_compressed_verified_and_restored_to_the_byte(run: Run, plain: Path) -> None:
    before = plain.read_bytes()
    assert run("compress", THREAD).returncode == 0
    assert not plain.exists()
    assert "why is the sky blue" in run("show", THREAD).stdout
    verified = run("verify")
    assert (verified.returncode, verified.stdout.splitlines()[1:]) == (0, [])
    assert run("restore", THREAD).returncode == 0
    assert plain.read_bytes() == before


def test_one_that_names_another_thread_is_left_alone_in_plain_words(run: Run, plain: Path) -> None:
    plain.write_bytes(lines({**RECORDS[0], "id": thread_id(2)}, *RECORDS[1:]))
    said = run("compress", THREAD)
    assert plain.exists()
    assert f"{OLD}, and its first line names another thread than its file" in said.stdout


def test_codex_itself_can_do_nothing_with_it_in_either_form(
    run: Run,
    plain: Path,
    codex: Codex,
    clean_environ: dict[str, str],
    source_repo: Path,
    model: ModelFactory,
) -> None:
    model(lambda _: say("done"))
    before = plain.read_bytes()
    refusals: list[str] = []
    for packed in (False, True):
        if packed:
            assert run("compress", THREAD).returncode == 0
        with app_server(codex, clean_environ, source_repo) as client:
            other = client.start(source_repo, "paginated")
            client.turn(other, "another")
            refusals.append(_refusals(client))
        assert run("verify", THREAD).returncode == 0
    assert run("restore", THREAD).returncode == 0
    assert plain.read_bytes() == before
    assert all("session metadata" in said for said in refusals)


def _refusals(client: AppServer) -> str:
    return client.refuses("thread/resume", threadId=THREAD)
