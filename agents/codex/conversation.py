"""What ``codex exec --json`` says, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..adapter import parse_event, table, text
from ..conversation import Said, SaidKind, compact, tokens_used


def read_said(line: bytes) -> Sequence[Said] | None:
    """Return what one event says; None for a line that is no event of codex."""
    event = table(parse_event(line))
    item = table(event.get("item"))
    match event.get("type"):
        case "thread.started":
            return (Said(SaidKind.NOTE, f"thread {event.get('thread_id')}"),)
        case "turn.started" | "item.updated":
            return ()
        case "turn.completed":
            used = tokens_used(table(event.get("usage")), "cached_input_tokens")
            return (Said(SaidKind.NOTE, f"turn completed; {used}" if used else "turn completed"),)
        case "turn.failed":
            return (_error(table(event.get("error")).get("message")),)
        case "error":
            return (_error(event.get("message")),)
        case "item.started":
            return _begun(item)
        case "item.completed":
            return _completed(item)
        case _:
            return None


def _error(message: object) -> Said:
    return Said(SaidKind.ERROR, text(message) or "the turn failed")


def _begun(item: dict[str, object]) -> Sequence[Said]:
    match item.get("type"):
        case "command_execution":
            return (Said(SaidKind.COMMAND, text(item.get("command")) or ""),)
        case "mcp_tool_call":
            name = f"{item.get('server')}.{item.get('tool')}"
            return (Said(SaidKind.TOOL, compact(item.get("arguments")), name),)
        case _:
            return ()


def _completed(item: dict[str, object]) -> Sequence[Said]:
    kind, words = item.get("type"), text(item.get("text")) or ""
    match kind:
        case "agent_message":
            return (Said(SaidKind.MESSAGE, words),)
        case "reasoning":
            return (Said(SaidKind.REASONING, words),)
        case "command_execution":
            output = text(item.get("aggregated_output")) or ""
            return (Said(SaidKind.RESULT, output, _how_it_ended(item)),)
        case "mcp_tool_call":
            told = item.get("error") or item.get("result")
            return (Said(SaidKind.RESULT, compact(told), text(item.get("status")) or ""),)
        case "file_change":
            return (Said(SaidKind.TOOL, _changes(item.get("changes")), "file change"),)
        case "web_search":
            return (Said(SaidKind.TOOL, text(item.get("query")) or "", "web search"),)
        case "todo_list":
            return (Said(SaidKind.NOTE, _tasks(item.get("items"))),)
        case "error":
            return (Said(SaidKind.ERROR, text(item.get("message")) or ""),)
        case _:
            return (Said(SaidKind.NOTE, compact(item), text(kind) or ""),)


def _how_it_ended(item: dict[str, object]) -> str:
    code = item.get("exit_code")
    return f"exit {code}" if isinstance(code, int) else (text(item.get("status")) or "")


def _changes(changes: object) -> str:
    return "\n".join(f"{each.get('kind')} {each.get('path')}" for each in _tables(changes))


def _tasks(items: object) -> str:
    return "\n".join(
        f"[{'x' if each.get('completed') else ' '}] {each.get('text')}" for each in _tables(items)
    )


def _tables(value: object) -> list[dict[str, object]]:
    return [table(each) for each in cast("list[object]", value if isinstance(value, list) else [])]
