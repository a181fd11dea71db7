"""One run as the state directory keeps it: lines of JSON from its start and from its end.

The registry keeps these lines in a file of the run's own, the history in a row. What a line says
may come from a record that an agent wrote: each value has its kind checked and its size bounded.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import ProcessIdentity
from ...kernel.values import frozen

_MOST_TEXT, _MOST_ERROR, _MOST_WORDS, _MOST_NUMBER = 500, 2000, 40, 1 << 62


@frozen
class RunFacts:
    """What is kept of a run's record; None where it is not known.

    :param command: as it was asked for, secrets masked, long words and long lists cut.
    :param threads: the agent's conversations in this run, the newest last.
    :param duration: seconds from the preparation to the proof.
    :param last_word: what the agent's own stream said last of its task.
    :param message: what the agent's stream said last of a failure; ``why``: in one phrase why its
        work was not done.
    :param mechanism: what contained the run; ``proven``: the kernel showed it empty;
        ``swept`` and ``left``: processes that were ended, and that could not be.
    :param peak_memory: bytes; ``log_size`` too.
    :param cpu: seconds of processor time.
    """

    command: tuple[str, ...] = ()
    workdir: str | None = None
    workdir_kind: str | None = None
    branch: str | None = None
    threads: tuple[str, ...] = ()
    resumed: str | None = None
    duration: float | None = None
    exit_code: int | None = None
    signal: int | None = None
    last_word: str | None = None
    message: str | None = None
    why: str | None = None
    attempts: int | None = None
    mechanism: str | None = None
    proven: bool | None = None
    swept: int | None = None
    left: int | None = None
    peak_memory: int | None = None
    cpu: float | None = None
    log_size: int | None = None
    head_before: str | None = None
    head_after: str | None = None
    dirty: bool | None = None
    ahead: int | None = None


_NO_FACTS = RunFacts()
_LISTS = ("command", "threads")
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("workdir", "workdir_kind", "branch", "resumed", "last_word"), (str,)),
    **dict.fromkeys(("message", "why", "mechanism", "head_before", "head_after"), (str,)),
    **dict.fromkeys(("duration", "cpu"), (int, float)),
    **dict.fromkeys(("exit_code", "signal", "attempts", "swept", "left"), (int,)),
    **dict.fromkeys(("peak_memory", "log_size", "ahead"), (int,)),
    **dict.fromkeys(("proven", "dirty"), (bool,)),
}


@frozen
class RunEntry:
    """One run, as it was written down.

    :param workspace: the workspace's directory, whether it was made or not.
    :param record: path of the run's ``record.json``; a refused run has none.
    :param guardian: the process that adopts the run's orphans.
    :param supervisor: the process that decides: the guardian's child, or the host.
    :param place: host and pid namespace in which the two numbers mean something; empty where
        the entry was made of a workspace's record.
    :param started: ISO 8601 time with zone; ``finished`` too, None before the end.
    :param error: one line, where the agent could not be started.
    :param temporary: the run's temp directory; empty before it was chosen.
    :param facts: the rest of what is known.
    """

    run_id: str
    project: str
    issue: str
    agent: str
    workspace: str
    record: str
    guardian: ProcessIdentity
    supervisor: ProcessIdentity
    place: str
    started: str
    finished: str | None = None
    reason: str | None = None
    exit_status: int | None = None
    agent_outcome: str | None = None
    thread: str | None = None
    error: str | None = None
    temporary: str = ""
    facts: RunFacts = _NO_FACTS


_TEXTS = ("run_id", "project", "issue", "agent", "workspace", "record", "place", "started")
_AT_THE_END = ("finished", "reason", "exit_status", "agent_outcome", "thread", "error")


def encode_start(entry: RunEntry) -> bytes:
    """Encode what is known when a run begins, as one line."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in _TEXTS}
    for name in ("guardian", "supervisor"):
        process: ProcessIdentity = getattr(entry, name)
        values[name] = [process.pid, process.start_time]
    values["boot_id"] = entry.guardian.boot_id
    return _line({"v": 1, **values, "facts": _known_facts(entry.facts)})


def encode_temporary(path: str) -> bytes:
    """Encode which temp directory a run has chosen, as one line."""
    return _line({"temporary": path})


def encode_end(values: Mapping[str, Any], facts: RunFacts = _NO_FACTS) -> bytes:
    """Encode how a run ended, as one line."""
    known = {name: values.get(name) for name in _AT_THE_END}
    return _line({**known, "facts": _known_facts(facts)})


def encode_entry(entry: RunEntry) -> str:
    """Encode all that is known of a run, as `parse_entry` reads it."""
    lines = [encode_start(entry)]
    if entry.temporary:
        lines.append(encode_temporary(entry.temporary))
    if entry.finished is not None:
        lines.append(encode_end({name: getattr(entry, name) for name in _AT_THE_END}))
    return b"".join(lines).decode()


def _known_facts(facts: RunFacts) -> dict[str, Any]:
    known = {name: getattr(facts, name) for name in (*_LISTS, *_KINDS)}
    return {name: value for name, value in known.items() if value not in (None, ())}


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def parse_entry(data: bytes) -> RunEntry | None:
    """Parse the lines of one run; unknown keys are ignored, a torn last line too.

    :returns: None where not even the start of the run can be read.
    """
    first, *rest = [_object(line) for line in data.splitlines()] or [{}]
    try:
        known: dict[str, Any] = {name: _process(first, name) for name in ("guardian", "supervisor")}
        known |= {name: str(first[name]) for name in _TEXTS}
    except (KeyError, TypeError, ValueError):
        return None
    end = next((line for line in rest if isinstance(line.get("finished"), str)), _object(b""))
    known |= {name: _known(name, end.get(name)) for name in _AT_THE_END}
    chosen = (line["temporary"] for line in rest if isinstance(line.get("temporary"), str))
    known["temporary"] = next(chosen, "")
    known["facts"] = facts_of(_joined(first.get("facts"), end.get("facts")))
    return RunEntry(**known)


def _joined(*parts: object) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for part in parts:
        joined |= cast("dict[str, Any]", part) if isinstance(part, dict) else {}
    return joined


def facts_of(values: Mapping[str, Any]) -> RunFacts:
    """Return the facts among some values; whatever is of another kind or size is left out."""
    known: dict[str, Any] = {name: _fact(values, name) for name in _KINDS}
    lists: dict[str, Any] = {name: cut_words(values.get(name)) for name in _LISTS}
    return RunFacts(**lists, **known)


def _fact(values: Mapping[str, Any], name: str) -> object:
    value = values.get(name)
    if type(value) not in _KINDS[name]:
        return None
    if isinstance(value, str):
        return value[:_MOST_TEXT] or None
    return value if abs(cast("float", value)) < _MOST_NUMBER else None


def cut_words(words: object) -> tuple[str, ...]:
    """Return a list of texts, with long ones and a long list cut; nothing else is one."""
    if not isinstance(words, (list, tuple)):
        return ()
    listed = cast("Iterable[object]", words[:_MOST_WORDS])
    return tuple(_cut(word) for word in listed if isinstance(word, str))


def _cut(word: str) -> str:
    return word if len(word) <= _MOST_TEXT else word[: _MOST_TEXT - 1] + "…"


def _known(name: str, value: object) -> str | int | None:
    """Return a value of the kind it must have, or None: it may come from an agent's record."""
    if isinstance(value, str):
        return value[:_MOST_ERROR] if name != "exit_status" else None
    return value if name == "exit_status" and isinstance(value, int) else None


def _process(values: Mapping[str, Any], name: str) -> ProcessIdentity:
    pid, start_time = values[name]
    return ProcessIdentity(int(pid), int(start_time), str(values["boot_id"]))


def _object(line: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        return parse_json_object(line)
    return {}
