"""The JSON streams of codex and claude are read as a conversation, and other lines left alone."""

from __future__ import annotations

import json

import pytest

from codexlab.agents.registry import adapter_of


def said(agent: str, event: object) -> list[tuple[str, str, str]] | None:
    read = adapter_of(agent).said_reader()
    assert read is not None
    found = read(json.dumps(event).encode())
    return None if found is None else [(each.kind.value, each.text, each.name) for each in found]


def item(stage: str, **fields: object) -> list[tuple[str, str, str]] | None:
    return said("codex", {"type": f"item.{stage}", "item": fields})


def test_a_program_that_nobody_knows_has_no_conversation() -> None:
    assert adapter_of("generic").said_reader() is None


def test_codex_tells_a_command_when_it_begins_and_its_output_when_it_has_ended() -> None:
    command = {"type": "command_execution", "command": "make"}
    assert item("started", **command) == [("command", "make", "")]
    assert item("completed", **command, aggregated_output="no\n", exit_code=2) == [
        ("result", "no\n", "exit 2")
    ]
    assert item("completed", **command, status="declined") == [("result", "", "declined")]


def test_codex_items_of_each_kind() -> None:
    changes = [{"path": "a", "kind": "add"}, {"path": "b", "kind": "update"}]
    tasks = [{"text": "one", "completed": True}, {"text": "two", "completed": False}]
    call = {"type": "mcp_tool_call", "server": "s", "tool": "t"}
    assert item("completed", type="agent_message", text="hi") == [("message", "hi", "")]
    assert item("completed", type="reasoning", text="hm") == [("reasoning", "hm", "")]
    assert item("completed", type="file_change", changes=changes) == [
        ("tool", "add a\nupdate b", "file change")
    ]
    assert item("completed", type="todo_list", items=tasks) == [("note", "[x] one\n[ ] two", "")]
    assert item("started", **call, arguments={"a": 1}) == [("tool", '{"a": 1}', "s.t")]
    assert item("completed", **call, result="r", status="completed") == [
        ("result", '"r"', "completed")
    ]
    assert item("completed", type="of the future", x=1) == [
        ("note", '{"type": "of the future", "x": 1}', "of the future")
    ]


def test_codex_turns_and_errors() -> None:
    usage = {"input_tokens": 31204, "cached_input_tokens": 5, "output_tokens": 9}
    assert said("codex", {"type": "turn.started"}) == []
    assert said("codex", {"type": "turn.completed", "usage": usage}) == [
        ("note", "turn completed; tokens: 31,204 in, 5 cached, 9 out", "")
    ]
    for event in (
        {"type": "turn.failed", "error": {"message": "no"}},
        {"type": "error", "message": "no"},
    ):
        assert said("codex", event) == [("error", "no", "")]


def test_claude_tells_what_it_says_and_what_its_tools_do() -> None:
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "name": "Bash", "input": {"command": "make", "timeout": 1}},
        {"type": "tool_use", "name": "Read", "input": {"path": "a"}},
    ]
    assert said("claude", {"type": "assistant", "message": {"content": content}}) == [
        ("reasoning", "hm", ""),
        ("message", "hi", ""),
        ("command", "make", ""),
        ("tool", '{"path": "a"}', "Read"),
    ]
    results = [
        {"type": "tool_result", "content": "Exit code 3", "is_error": True},
        {"type": "tool_result", "content": [{"type": "text", "text": "a"}, {"type": "image"}]},
    ]
    assert said("claude", {"type": "user", "message": {"content": results}}) == [
        ("result", "Exit code 3", "failed"),
        ("result", "a\n[image]", ""),
    ]


def test_claude_tells_its_result_alone_or_at_the_end_of_a_list() -> None:
    result = {"type": "result", "result": "done", "usage": {"input_tokens": 2}}
    shown = [("message", "done", ""), ("note", "completed; tokens: 2 in", "")]
    assert said("claude", result) == shown
    start = {"type": "system", "subtype": "init", "session_id": "s", "model": "m"}
    assert said("claude", [start, result]) == [("note", "session s, model m", ""), *shown]
    assert said("claude", {**result, "is_error": True}) == [
        ("error", "done", ""),
        ("note", "failed; tokens: 2 in", ""),
    ]


@pytest.mark.parametrize("agent", ["codex", "claude"])
@pytest.mark.parametrize(
    "line", [b"", b"text", b"{", b"[1]", b"[]", b"{\xff}", b"null", b'{"type":5}', b"[" * 100_000]
)
def test_a_line_that_is_no_event_is_left_as_it_is(agent: str, line: bytes) -> None:
    read = adapter_of(agent).said_reader()
    assert read is not None
    assert read(line) is None


@pytest.mark.parametrize("agent", ["codex", "claude"])
def test_values_of_a_wrong_kind_break_nothing(agent: str) -> None:
    values: tuple[object, ...] = (None, 5, "text", [], [5, None], {"type": []})
    for kind in ("item.started", "item.completed", "turn.failed", "assistant", "user", "result"):
        for value in values:
            event = {"type": kind, "item": value, "error": value, "message": value, "usage": value}
            found = said(agent, event)
            assert found is None or all(isinstance(text, str) for _, text, _ in found)
