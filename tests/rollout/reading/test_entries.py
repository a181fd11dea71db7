"""Each kind of record in a rollout has a role and a text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rollout.files import message

from codexlab.rollout import Role
from codexlab.rollout.reading.entries import all_text, entry_of


def _item(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "response_item", "payload": {"type": kind, **fields}}


@pytest.mark.parametrize(
    ("record", "role", "text"),
    [
        (message("user", "hello"), Role.USER, "hello"),
        (message("assistant", "hi"), Role.ASSISTANT, "hi"),
        (message("developer", "rules"), Role.INSTRUCTIONS, "rules"),
        (message("user", "<environment_context>x"), Role.INSTRUCTIONS, "<environment_context>x"),
        (
            _item("reasoning", summary=[{"type": "summary_text", "text": "hm"}], content=None),
            Role.REASONING,
            "hm",
        ),
        (
            _item("function_call", name="exec", arguments='{"cmd":"ls","n":1}'),
            Role.TOOL,
            "ls\nn: 1",
        ),
        (
            _item("function_call", name="shell", arguments='{"command":["bash","-lc","a b"]}'),
            Role.TOOL,
            "bash -lc 'a b'",
        ),
        (_item("function_call", name="odd", arguments="not json"), Role.TOOL, "not json"),
        (_item("function_call_output", output="text"), Role.TOOL, "text"),
        (_item("function_call_output", output='{"output":"x","m":1}'), Role.TOOL, "x"),
        (_item("function_call_output", output={"content": "c"}), Role.TOOL, "c"),
        (_item("custom_tool_call", name="apply_patch", input="*** Begin"), Role.TOOL, "*** Begin"),
        (
            _item("local_shell_call", action={"command": ["echo", "a b"]}),
            Role.TOOL,
            "echo 'a b'",
        ),
        (_item("of_tomorrow", what=["new", {"and": "more"}]), Role.OTHER, "new\nmore"),
        ({"type": "compacted", "payload": {"message": "so far"}}, Role.COMPACTED, "so far"),
        ({"type": "session_meta", "payload": {"id": "x"}}, Role.META, "x"),
        ({"type": "event_msg", "payload": {"type": "e", "message": "m"}}, Role.EVENT, "m"),
        ({"no": "type"}, Role.OTHER, "type"),
    ],
)
def test_each_kind_of_record_has_a_role_and_a_text(
    record: dict[str, Any], role: Role, text: str
) -> None:
    entry = entry_of(record)
    assert (entry.role, entry.text) == (role, text)


def test_a_picture_is_named_by_its_kind_and_size() -> None:
    part = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 1000}
    record = _item("message", role="user", content=[part, {"type": "input_text", "text": "see"}])
    assert entry_of(record).text == "[image image/png, 1022 bytes]\nsee"


def test_calls_and_outputs_are_joined_by_their_id() -> None:
    call = entry_of(_item("function_call", name="exec", arguments="{}", call_id="7"))
    output = entry_of(_item("function_call_output", output="x", call_id="7"))
    assert (call.name, call.call_id, call.is_tool_output) == ("exec", "7", False)
    assert (output.name, output.call_id, output.is_tool_output) == ("", "7", True)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "payload",
                    "role",
                    "content",
                    "text",
                    "output",
                    "arguments",
                    "action",
                    "command",
                    "name",
                    "input",
                    "cmd",
                    "summary",
                    "call_id",
                    "image_url",
                    "message",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_kinds = st.sampled_from(
    [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "local_shell_call",
        "web_search_call",
        "tomorrow",
    ]
)


@given(outer=st.dictionaries(st.sampled_from(["type", "payload", "timestamp"]), _json), kind=_kinds)
def test_no_shape_of_a_record_breaks_the_reading(outer: dict[str, Any], kind: str) -> None:
    entry_of(outer)
    payload = outer.get("payload")
    if isinstance(payload, dict):
        entry_of({**outer, "type": "response_item", "payload": {**payload, "type": kind}})


def test_texts_are_found_however_deep_a_record_is_nested() -> None:
    deep: object = ["last"]
    for number in range(5000):
        deep = [f"before {number}", deep] if number % 2 else {"key": deep}
    assert all_text(deep).endswith("last")
    assert all_text({"a": ["one", {"b": "two"}, 3], "c": "three"}) == "one\ntwo\nthree"
