"""Read the entries of a conversation from a record of a rollout.

codex writes most things twice, once for the model (``response_item``) and once for
its own screen (``event_msg``); the first is the conversation. Records of kinds we
do not know are entries too, with every text they hold. Before September 2025 codex
wrote the items themselves, each a line, without the record around them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .messages import content_text, part_message
from .records import is_list, is_object, parse_record, text_of


class Role(StrEnum):
    """The speaker of an entry."""

    USER = "user"
    ASSISTANT = "assistant"
    REASONING = "reasoning"
    TOOL = "tool"
    INSTRUCTIONS = "instructions"
    """Text that the harness put in front: developer messages, environment, AGENTS.md."""
    COMPACTED = "compacted"
    """The summary that replaced older history."""
    META = "meta"
    EVENT = "event"
    OTHER = "other"
    """Kinds of records that this program does not know."""


CONVERSATION = frozenset(
    {Role.USER, Role.ASSISTANT, Role.REASONING, Role.TOOL, Role.COMPACTED, Role.OTHER}
)
"""The roles that make up what was said and done, each thing once."""

_META_KINDS = frozenset(
    {
        "session_meta",
        "turn_context",
        "world_state",
        "token_usage_record",
        "retained_context",
        "security_risk_score",
        "inter_agent_communication_metadata",
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing said or done.

    :param role: who speaks.
    :param kind: the record's own type, the payload's for response items.
    :param timestamp: RFC 3339 in UTC as written, "" when not said.
    :param text: the text that a person would read; control characters are still in it.
    :param name: of the tool called, else "".
    :param call_id: joins a tool's call and its output, else "".
    """

    role: Role
    kind: str
    timestamp: str
    text: str
    name: str = ""
    call_id: str = ""

    @property
    def is_tool_output(self) -> bool:
        """It is what a tool gave back, not the call."""
        return self.role is Role.TOOL and self.kind.endswith("_output")


def entry_of(record: dict[str, Any]) -> Entry:
    """Read one record; any shape gives an entry.

    Of a message in which the harness and a person speak it is the person's.
    """
    return entries_of(record)[-1]


def entries_of(record: dict[str, Any]) -> tuple[Entry, ...]:
    """Do what `entry_of` does, with what the harness put in front as an entry of its own."""
    kind, stamp = text_of(record.get("type")), text_of(record.get("timestamp"))
    payload = record.get("payload")
    if kind == "response_item" and is_object(payload):
        return _item(payload, stamp)
    if payload is None and kind in _ITEMS:
        return _item(record, stamp)
    if kind == "compacted" and is_object(payload):
        return (Entry(Role.COMPACTED, kind, stamp, text_of(payload.get("message"))),)
    if kind == "event_msg" and is_object(payload):
        return (Entry(Role.EVENT, text_of(payload.get("type")), stamp, _texts(payload)),)
    is_meta = kind in _META_KINDS or is_old_head(record) or "record_type" in record
    text = all_text(payload if payload is not None else record)
    return (Entry(Role.META if is_meta else Role.OTHER, kind, stamp, text),)


def is_old_head(record: dict[str, Any]) -> bool:
    """Tell whether this is how a rollout began before its records had a type."""
    named = isinstance(record.get("id"), str) and isinstance(record.get("timestamp"), str)
    return named and "instructions" in record and "type" not in record


def _item(payload: dict[str, Any], stamp: str) -> tuple[Entry, ...]:
    kind = text_of(payload.get("type"))
    if kind == "message":
        return _message(payload, stamp)
    if kind == "reasoning":
        texts = [content_text(payload.get("summary")), content_text(payload.get("content"))]
        return (Entry(Role.REASONING, kind, stamp, "\n".join(filter(None, texts))),)
    call_id = text_of(payload.get("call_id"))
    reader = _TOOLS.get(kind)
    if reader is not None:
        name = _tool_name(payload)
        return (Entry(Role.TOOL, kind, stamp, reader(payload), name, call_id),)
    return (Entry(Role.OTHER, kind, stamp, _texts(payload), call_id=call_id),)


def _message(payload: dict[str, Any], stamp: str) -> tuple[Entry, ...]:
    speaker, content = text_of(payload.get("role")), payload.get("content")
    if speaker != "user":
        role = Role.ASSISTANT if speaker == "assistant" else Role.INSTRUCTIONS
        return (Entry(role, "message", stamp, content_text(content)),)
    injected, said = part_message(content)
    parts = ((Role.INSTRUCTIONS, injected), (Role.USER, said))
    entries = tuple(Entry(role, "message", stamp, text) for role, text in parts if text)
    return entries or (Entry(Role.USER, "message", stamp, ""),)


def _tool_name(payload: dict[str, Any]) -> str:
    kind = text_of(payload.get("type"))
    if kind.endswith("_output"):
        return ""
    return text_of(payload.get("name")) or kind.removesuffix("_call")


def _arguments(payload: dict[str, Any]) -> str:
    """Arguments are JSON within JSON; a command line is what a person looks for."""
    written = payload.get("arguments", payload.get("input"))
    arguments = parse_record(text_of(written).encode()) if isinstance(written, str) else written
    if not is_object(arguments):
        return text_of(written)
    command = arguments.get("cmd", arguments.get("command", arguments.get("input")))
    rest = {k: v for k, v in arguments.items() if k not in ("cmd", "command", "input")}
    return "\n".join(filter(None, [_command(command), *(f"{k}: {_value(rest[k])}" for k in rest)]))


def _command(command: Any) -> str:
    if is_list(command):
        return shlex.join(str(word) for word in command)
    return "" if command is None else _value(command)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    import orjson

    return orjson.dumps(value).decode()


def _output(payload: dict[str, Any]) -> str:
    output = payload.get("output")
    if isinstance(output, str) and output.startswith('{"output"'):
        # codex before 0.40 wrapped the text of its shell tool once more.
        wrapped = parse_record(output.encode())
        output = output if wrapped is None else wrapped.get("output")
    if is_object(output):
        return content_text(output.get("content")) or all_text(output)
    return content_text(output)


def _action(payload: dict[str, Any]) -> str:
    action = payload.get("action")
    if is_object(action) and "command" in action:
        return _command(action["command"])
    return all_text(action)


_TOOLS: dict[str, Callable[[dict[str, Any]], str]] = {
    "function_call": _arguments,
    "function_call_output": _output,
    "custom_tool_call": _arguments,
    "custom_tool_call_output": _output,
    "local_shell_call": _action,
    "local_shell_call_output": _output,
    "web_search_call": _action,
    "tool_search_call": _arguments,
    "mcp_tool_call_output": _output,
}
_ITEMS = frozenset({"message", "reasoning", *_TOOLS})


def _texts(payload: dict[str, Any]) -> str:
    return all_text({key: value for key, value in payload.items() if key != "type"})


def all_text(value: Any) -> str:
    """Join every string in a JSON value, in order, keys left out."""
    return "\n".join(_strings(value))


def _strings(value: Any) -> Iterator[str]:
    # Not by recursion: what the parser takes may be nested deeper than Python calls.
    pending: list[Any] = [value]
    while pending:
        member = pending.pop()
        if isinstance(member, str):
            yield member
        elif is_object(member):
            pending.extend(reversed(member.values()))
        elif is_list(member):
            pending.extend(reversed(member))
