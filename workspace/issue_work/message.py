"""What a commit of an issue's work says."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager

from ...agents.registry import adapter_of
from ...kernel.errors import CodexlabError
from ...kernel.files.regular_file import open_regular, read_regular
from ...kernel.json_object import parse_json_object
from ...kernel.values import frozen
from ..claim.threads import read_threads
from ..fs import directory
from ..owner import OwnerRecord
from ..paths import CONTROL
from .place import IssueWork

_LONGEST = 72
_MOST = 64 * 1024
_TRAILER = r"[A-Za-z][A-Za-z0-9-]*: \S.*"
# What a terminal or a reader of logs obeys, line ends among it.
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+"


@frozen
class LastRun:
    """The run that worked last in a workspace.

    :param said: the agent's last words for a person; empty where they are not known.
    """

    run_id: str | None = None
    said: str = ""


def commit_message(work: IssueWork, last: LastRun, given: str | None = None) -> str:
    """Return the message: what the user said, else the agent's last words, with trailers.

    :param given: the user's own message.
    """
    if given and given.strip():
        return with_trailers(given.strip(), _trailers(work, last))
    text = subject(last.said) or f"Work on {work.provenance.key.issue}"
    return with_trailers(_line(text), _trailers(work, last))


def merge_message(work: IssueWork, last: LastRun, branch: str, into: str) -> str:
    """Return the message of a merge commit."""
    return with_trailers(f"Merge branch '{branch}' into {into}", _trailers(work, last))


def _trailers(work: IssueWork, last: LastRun) -> list[str]:
    key = work.provenance.key
    thread = read_threads(work.paths).latest(key.agent)
    found = {
        "Codexlab-Issue": key.issue,
        "Codexlab-Run": last.run_id,
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


def last_run(work: IssueWork, owner: OwnerRecord | None) -> LastRun:
    """Return the last run with what its agent said last, by its record or its output."""
    if owner is None:
        return LastRun()
    try:
        with _run_directory(work, owner.run_id) as run_fd:
            said = parse_json_object(read_regular("record.json", dir_fd=run_fd)).get("message")
    except (OSError, ValueError, CodexlabError):
        said = None
    return LastRun(owner.run_id, said if isinstance(said, str) else output_of(work, owner.run_id))


def output_of(work: IssueWork, run_id: str) -> str:
    """Return what an agent wrote in a run, where that is no more than its last message.

    It is not if it is a stream of events or the picture of a terminal.
    """
    if not adapter_of(work.provenance.key.agent).answers_on_stdout:
        return ""
    try:
        with (
            _run_directory(work, run_id) as run_fd,
            open(open_regular("stdout.log", dir_fd=run_fd), "rb") as file,
        ):
            data = file.read(_MOST)
    except (OSError, CodexlabError):
        return ""
    return "" if data.startswith(b"{") or b"\x1b" in data else data.decode(errors="replace")


def _run_directory(work: IssueWork, run_id: str) -> AbstractContextManager[int]:
    return directory(work.paths.base, *work.paths.names, CONTROL, "runs", run_id)


def _line(text: str) -> str:
    return re.sub(_CONTROL, " ", text).strip()
