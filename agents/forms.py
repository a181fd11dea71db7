"""What differs between agents: how one resumes, and says that it is done."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import cast

from ..kernel.values import frozen

RESUME = "{resume}"
RESUMABLE = ("codex", "claude")
"""Agents whose sessions codexlab knows how to go on with."""

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CODEX_FAREWELL = rb"codex resume (" + _UUID.encode() + rb")"
_CODEX_BANNER = rb"^session id: (" + _UUID.encode() + rb")\s*$"


def expand_resume(command: Sequence[str], agent: str, thread: str | None) -> tuple[str, ...]:
    """Replace each argument that is exactly ``{resume}``; touch nothing else."""
    expanded: list[str] = []
    for argument in command:
        expanded.extend(_resume_arguments(agent, thread) if argument == RESUME else [argument])
    return tuple(expanded)


def _resume_arguments(agent: str, thread: str | None) -> tuple[str, ...]:
    if thread is None:
        return ()
    return {"codex": ("resume", thread), "claude": ("--resume", thread)}.get(agent, ())


@frozen
class StreamNews:
    """What one line of output told: a thread, or the agent's last word so far.

    :param sure: the line is of the agent's own stream, and no tool's output.
    """

    thread: str | None = None
    last_word: str | None = None
    sure: bool = True


_NOTHING = StreamNews()


def speaks_json(command: Sequence[str], agent: str) -> bool:
    """Tell whether the command asks the agent for JSON on stdout: events, or one object."""
    if agent == "codex":
        return "--json" in command or "--experimental-json" in command
    return agent == "claude" and _claude_format(command) in ("json", "stream-json")


def _claude_format(command: Sequence[str]) -> str | None:
    """Return the last ``--output-format`` of a claude; of two the last one counts."""
    found = None
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word == "--":
            break
        if word == "--output-format":
            found = following
        elif word.startswith("--output-format="):
            found = word.partition("=")[2]
    return found


def read_stdout_line(agent: str, line: bytes) -> StreamNews:
    """Read one line of an agent's JSON output; anything else tells nothing.

    claude's ``--output-format json`` gives its result alone, or with ``--verbose`` a list of
    all events.
    """
    if not line.startswith((b"{", b"[")):
        return _NOTHING
    try:
        event: object = json.loads(line)
    except (ValueError, RecursionError):
        return _NOTHING
    if agent == "claude" and isinstance(event, list):
        event = next(reversed(cast("list[object]", event)), None)
    return _read_event(agent, cast("dict[str, object]", event) if isinstance(event, dict) else {})


def _read_event(agent: str, event: Mapping[str, object]) -> StreamNews:
    kind = event.get("type")
    if agent == "claude":
        word = None
        if kind == "result":
            word = "failed" if event.get("is_error") else "completed"
        return StreamNews(_text(event.get("session_id")), word)
    words = {"turn.completed": "completed", "turn.failed": "failed", "turn.started": "none"}
    thread = _text(event.get("thread_id")) if kind == "thread.started" else None
    return StreamNews(thread, words.get(str(kind)))


def read_stderr_line(agent: str, line: bytes) -> StreamNews:
    """Read codex's banner, which names the session when no JSON was asked for.

    A hint only: a tool's output could say the same, so whoever uses it checks
    that the rollout exists and was made in this workdir.
    """
    match = re.match(_CODEX_BANNER, line) if agent == "codex" else None
    return StreamNews(match[1].decode(), sure=False) if match else _NOTHING


def read_terminal_line(agent: str, line: bytes) -> StreamNews:
    """Read how codex's screen says, at its end, by which words the session goes on.

    A hint only, as that of :func:`read_stderr_line`.
    """
    match = re.search(_CODEX_FAREWELL, line) if agent == "codex" else None
    return StreamNews(match[1].decode(), sure=False) if match else _NOTHING


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
