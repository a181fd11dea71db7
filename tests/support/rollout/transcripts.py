"""Find, read and make codex rollouts: one JSON record per line."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from ..model.codex_responses import Json


def rollouts(home: Path) -> list[Path]:
    """Return every plain rollout below ``home``'s sessions, sorted by path."""
    return sorted((home / "sessions").glob("*/*/*/rollout-*.jsonl"))


def rollout_of(home: Path, thread: str) -> Path:
    """Return the plain rollout of ``thread``.

    :raises LookupError: there is none, or more than one.
    """
    found = [path for path in rollouts(home) if path.stem.endswith(thread)]
    if len(found) != 1:
        message = f"{len(found)} plain rollouts of thread {thread} below {home}"
        raise LookupError(message)
    return found[0]


def read_rollout(path: Path) -> list[Json]:
    """Return the records of a plain rollout, oldest first."""
    return [cast("Json", json.loads(line)) for line in path.read_bytes().splitlines()]


def said(path: Path, role: str) -> list[str]:
    """Return the texts of the messages that ``role`` (user, assistant) wrote."""
    texts: list[str] = []
    for record in read_rollout(path):
        payload = cast("Json", record.get("payload", {}))
        if record["type"] == "response_item" and payload.get("role") == role:
            parts = cast("list[Json]", payload["content"])
            texts.append("".join(str(part.get("text", "")) for part in parts))
    return texts


def make_rollout(
    home: Path,
    *,
    cwd: Path,
    messages: int = 3,
    text: str = "a message",
    thread: str | None = None,
    started: datetime | None = None,
    version: str = "0.169.0",
) -> Path:
    """Write a rollout as codex names and lays it out, without running codex.

    :param messages: how many user messages follow the ``session_meta`` record.
    :param thread: its id; a fresh UUID by default.
    :param started: the moment in its name; now by default.
    """
    moment = (started or datetime.now(UTC)).replace(microsecond=0)
    name = thread or str(uuid.uuid4())
    directory = home / "sessions" / moment.strftime("%Y/%m/%d")
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"rollout-{moment:%Y-%m-%dT%H-%M-%S}-{name}.jsonl"
    records = [_meta(name, moment, cwd, version)]
    records += [_message(moment, f"{text} {number}") for number in range(messages)]
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _meta(thread: str, moment: datetime, cwd: Path, version: str) -> Json:
    payload = {
        "id": thread,
        "timestamp": _stamp(moment),
        "cwd": str(cwd),
        "originator": "codex_exec",
        "cli_version": version,
        "source": "exec",
        "model_provider": "stub",
    }
    return {"timestamp": _stamp(moment), "type": "session_meta", "payload": payload}


def _message(moment: datetime, text: str) -> Json:
    content = [{"type": "input_text", "text": text}]
    payload = {"type": "message", "role": "user", "content": content}
    return {"timestamp": _stamp(moment), "type": "response_item", "payload": payload}
