"""Readers of codex's output: JSON events, the app-server's protocol, banner and farewell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..adapter import NO_NEWS, AgentStatus, Readers, StreamNews, parse_event, table, text

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FAREWELL = rb"codex resume (" + _UUID.encode() + rb")"
_BANNER = rb"^session id: (" + _UUID.encode() + rb")\s*$"
_STARTED = b'{"method":"thread/started"'
_TURN = b'{"method":"turn/started"'
_MODES = ("exec", "e", "review", "app-server")
_STATUS: dict[object, AgentStatus] = {
    "turn.completed": AgentStatus.COMPLETED,
    "turn.failed": AgentStatus.FAILED,
    "turn.started": AgentStatus.NONE,
}


def choose_readers(words: Sequence[str]) -> Readers:
    """Return what reads the output: events, a protocol, or else the banner on stderr."""
    if "--json" in words or "--experimental-json" in words:
        return Readers(stdout=read_event)
    if next((word for word in words[1:] if word in _MODES), None) == "app-server":
        return Readers(stdout=read_app_server_line)
    return Readers(stderr=read_banner)


def read_event(line: bytes) -> StreamNews:
    """Read one line of ``codex exec --json``; anything else tells nothing."""
    event = table(parse_event(line))
    kind = event.get("type")
    thread = text(event.get("thread_id")) if kind == "thread.started" else None
    return StreamNews(thread, _STATUS.get(str(kind)), message=_message(kind, event))


def _message(kind: object, event: dict[str, object]) -> str | None:
    """Return the words for a person: the agent's last message, or why a turn failed."""
    match kind:
        case "error":
            return text(event.get("message"))
        case "turn.failed":
            return text(table(event.get("error")).get("message"))
        case "item.completed":
            item = table(event.get("item"))
            return text(item.get("text")) if item.get("type") == "agent_message" else None
        case _:
            return None


def read_app_server_line(line: bytes) -> StreamNews:
    """Read one message; only notices that name a thread tell anything.

    They begin like this in codex 0.135 to 0.171. Another spelling tells nothing here; then the
    rollout that codex holds open tells the thread.
    """
    if not line.startswith((_STARTED, _TURN)):
        return NO_NEWS
    params = table(table(parse_event(line)).get("params"))
    return StreamNews(text(table(params.get("thread")).get("id", params.get("threadId"))))


def read_banner(line: bytes) -> StreamNews:
    """Read codex's banner, which names the session when no JSON was asked for.

    A hint only: a tool's output could say the same. So the caller checks that the rollout exists
    and was made in this workdir.
    """
    return _hint(re.match(_BANNER, line))


def read_farewell(line: bytes) -> StreamNews:
    """Read how codex's screen says, at its end, by which words the session goes on.

    A hint only, as that of :func:`read_banner`.
    """
    return _hint(re.search(_FAREWELL, line))


def _hint(match: re.Match[bytes] | None) -> StreamNews:
    return StreamNews(match[1].decode(), sure=False) if match else NO_NEWS
