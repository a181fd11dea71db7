"""What a commit of an issue's work says."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from ...kernel.files.regular_file import open_regular
from ..claim.threads import read_threads
from ..fs import directory
from ..paths import CONTROL
from .place import IssueWork

_LONGEST = 72
_TAIL = 256 * 1024
_TRAILER = r"[A-Za-z][A-Za-z0-9-]*: \S.*"
# What a terminal or a reader of logs obeys, line ends among it.
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+"


def commit_message(work: IssueWork, run_id: str | None, given: str | None = None) -> str:
    """Return the message: what the user said, else the agent's last words, with trailers.

    :param run_id: the last run.
    :param given: the user's own message.
    """
    if given and given.strip():
        return with_trailers(given.strip(), _trailers(work, run_id))
    text = subject(last_message(work, run_id)) or f"Work on {work.provenance.key.issue}"
    return with_trailers(_line(text), _trailers(work, run_id))


def merge_message(work: IssueWork, run_id: str | None, branch: str, into: str) -> str:
    """Return the message of a merge commit."""
    return with_trailers(f"Merge branch '{branch}' into {into}", _trailers(work, run_id))


def _trailers(work: IssueWork, run_id: str | None) -> list[str]:
    key = work.provenance.key
    thread = read_threads(work.paths).latest(key.agent)
    found = {
        "Codexlab-Issue": key.issue,
        "Codexlab-Run": run_id,
        "Codexlab-Thread": thread.id if thread else None,
    }
    return [f"{name}: {_line(value)}" for name, value in found.items() if value]


def with_trailers(text: str, trailers: list[str]) -> str:
    """Return a message that ends with trailers, and with those it has."""
    last = text.rstrip().split("\n\n")
    has = len(last) > 1 and all(re.fullmatch(_TRAILER, line) for line in last[-1].splitlines())
    return "\n".join([text.rstrip(), *(() if has else ("",)), *trailers, ""])


def subject(text: str) -> str:
    """Return the first line of a text as a subject of at most 72 characters."""
    lines = (_line(line).lstrip("#*->` ") for line in text.splitlines())
    first = next((line for line in lines if line), "")
    return first if len(first) <= _LONGEST else f"{first[: _LONGEST - 1].rstrip()}…"


def last_message(work: IssueWork, run_id: str | None) -> str:
    """Return what the agent said last in a run, as its output tells; empty if it does not.

    codex and claude write their last message, or a stream of events with it.
    """
    if run_id is None or work.provenance.key.agent not in ("codex", "claude"):
        return ""
    data = _end_of_output(work, run_id)
    if b"\x1b" in data:
        return ""  # the picture of a terminal
    said = ""
    is_stream = False
    for line in data.split(b"\n"):
        event = _event(line)
        is_stream = is_stream or event is not None
        said = _said(event or {}) or said
    return said if is_stream else data.decode(errors="replace")


def _end_of_output(work: IssueWork, run_id: str) -> bytes:
    try:
        names = (*work.paths.names, CONTROL, "runs", run_id)
        with directory(work.paths.base, *names) as run_fd:
            fd = open_regular("stdout.log", dir_fd=run_fd)
    except OSError:
        return b""
    with open(fd, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        return file.read(_TAIL)


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def _said(event: dict[str, Any]) -> str:
    item = event.get("item")
    if isinstance(item, dict):
        values = cast("dict[str, Any]", item)
        text = values.get("text") if values.get("type") == "agent_message" else None
    else:
        text = event.get("result") if event.get("type") == "result" else None
    return text if isinstance(text, str) else ""


def _line(text: str) -> str:
    return re.sub(_CONTROL, " ", text).strip()
