"""What claude's JSON output says, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from ..adapter import parse_event, table, text
from ..conversation import Said, SaidKind, compact, tokens_used


def read_said(line: bytes) -> Sequence[Said] | None:
    """Return what one event, or a list of events, says; None for a line that is neither."""
    event = parse_event(line)
    if not isinstance(event, list):
        return _said(table(event))
    found = [_said(table(each)) for each in cast("list[object]", event)]
    if not found or None in found:
        return None
    return [said for each in found for said in each or ()]


def _said(event: dict[str, object]) -> Sequence[Said] | None:
    match event.get("type"):
        case "system":
            return tuple(_system(event))
        case "assistant" | "user":
            return tuple(_message(event))
        case "result":
            return tuple(_result(event))
        case "stream_event":
            return ()  # parts of a message that follows as a whole
        case _:
            return None


def _system(event: dict[str, object]) -> Iterator[Said]:
    if event.get("subtype") == "init":
        words = f"session {event.get('session_id')}, model {event.get('model')}"
        yield Said(SaidKind.NOTE, words)


def _message(event: dict[str, object]) -> Iterator[Said]:
    content = table(event.get("message")).get("content")
    speaks = SaidKind.MESSAGE if event.get("type") == "assistant" else SaidKind.PROMPT
    if isinstance(content, str):
        yield Said(speaks, content)
    for each in _parts(content):
        match each.get("type"):
            case "text":
                yield Said(speaks, text(each.get("text")) or "")
            case "thinking":
                yield Said(SaidKind.REASONING, text(each.get("thinking")) or "")
            case "tool_use":
                yield _tool(each)
            case "tool_result":
                ended = "failed" if each.get("is_error") else ""
                yield Said(SaidKind.RESULT, _text_of(each.get("content")), ended)
            case kind:
                yield Said(SaidKind.NOTE, compact(each), text(kind) or "")


def _tool(part: dict[str, object]) -> Said:
    name, given = text(part.get("name")) or "", table(part.get("input"))
    command = text(given.get("command"))
    if name == "Bash" and command is not None:
        return Said(SaidKind.COMMAND, command)
    return Said(SaidKind.TOOL, compact(given), name)


def _text_of(content: object) -> str:
    if isinstance(content, str):
        return content
    texts = [text(each.get("text")) or f"[{each.get('type')}]" for each in _parts(content)]
    return "\n".join(texts)


def _result(event: dict[str, object]) -> Iterator[Said]:
    failed, words = bool(event.get("is_error")), text(event.get("result"))
    if words or failed:
        kind = SaidKind.ERROR if failed else SaidKind.MESSAGE
        yield Said(kind, words or text(event.get("subtype")) or "it failed")
    used = tokens_used(table(event.get("usage")), "cache_read_input_tokens")
    yield Said(SaidKind.NOTE, "; ".join(filter(None, ("failed" if failed else "completed", used))))


def _parts(content: object) -> list[dict[str, object]]:
    parts = cast("list[object]", content if isinstance(content, list) else [])
    return [table(each) for each in parts]
