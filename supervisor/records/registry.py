"""One small file per run in the state directory: where to look for all runs of this user.

Invariant: an entry is never believed. It says which processes to ask the kernel for and where the
run's own record lies; who reads it looks there. So no part of a run waits for its entry, locks it
or fails with it. After a crash, an unfinished entry is finished by any reader that sees the end of
its run.

A file holds lines of JSON: from the start of the run, with the name of its temp directory, and from
its end. Each is written by a single write. So nothing is renamed, and a torn line is no line.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ...kernel.files.home_owner import give_named, make_private_directory
from ...kernel.files.regular_file import create_file, read_both_ends
from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import ProcessIdentity, boot_id
from ...kernel.values import frozen
from ...kernel.xdg import state_directory
from ...workspace.records.machine import pid_namespace

KEPT_ENTRIES = 1000
# So many more may gather before the oldest are looked through and removed.
_SLACK = 100
_RUNS, _SUFFIX = "runs", ".json"
_LIMIT = 64 * 1024


@frozen
class RunEntry:
    """One run, as it was written down.

    :param workspace: the workspace's directory, whether it was made or not.
    :param record: path of the run's ``record.json``; a refused run has none.
    :param guardian: the process that adopts the run's orphans.
    :param supervisor: the process that decides: the guardian's child, or the host.
    :param place: host and pid namespace in which the two numbers mean something.
    :param started: ISO 8601 time with zone; ``finished`` too, None before the end.
    :param error: one line, where the agent could not be started.
    :param temporary: the run's temp directory; empty before it was chosen.
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


_TEXTS = ("run_id", "project", "issue", "agent", "workspace", "record", "place", "started")
_AT_THE_END = ("finished", "reason", "exit_status", "agent_outcome", "thread", "error")


def registry_directory() -> Path:
    """Return where the entries are."""
    return state_directory() / _RUNS


@cache
def here() -> str:
    """Return what names this machine and this pid namespace, as far as pids go."""
    import socket

    return f"{socket.gethostname()} {pid_namespace()}"


def is_here(entry: RunEntry) -> bool:
    """Tell whether an entry's pids mean something here: see `is_this_machine`."""
    if entry.place == here():
        return True
    booted, namespace = entry.guardian.boot_id, entry.place.rpartition(" ")[2]
    return (
        namespace == pid_namespace()
        and booted == boot_id()
        and "unknown" not in (booted, namespace)
    )


def encode_start(entry: RunEntry) -> bytes:
    """Encode what is known when a run begins, as one line."""
    values: dict[str, Any] = {name: getattr(entry, name) for name in _TEXTS}
    for name in ("guardian", "supervisor"):
        process: ProcessIdentity = getattr(entry, name)
        values[name] = [process.pid, process.start_time]
    return _line({"v": 1, **values, "boot_id": entry.guardian.boot_id})


def encode_end(values: Mapping[str, Any]) -> bytes:
    """Encode how a run ended, as one line."""
    return _line({name: values.get(name) for name in _AT_THE_END})


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def parse_entry(data: bytes) -> RunEntry | None:
    """Parse a file of the registry; unknown keys are ignored, a torn last line too.

    :returns: None where not even the start of the run can be read.
    """
    first, *rest = [_object(line) for line in data.splitlines()] or [{}]
    try:
        processes = {name: _process(first, name) for name in ("guardian", "supervisor")}
        texts = {name: str(first[name]) for name in _TEXTS}
    except (KeyError, TypeError, ValueError):
        return None
    end = next((line for line in rest if isinstance(line.get("finished"), str)), _object(b""))
    known = {name: _known(name, end.get(name)) for name in _AT_THE_END}
    chosen = (line["temporary"] for line in rest if isinstance(line.get("temporary"), str))
    known["temporary"] = next(chosen, "")
    return RunEntry(**texts, **processes, **known)  # type: ignore[arg-type]  # checked above


def _known(name: str, value: object) -> str | int | None:
    """Return a value of the kind it must have, or None: it may come from an agent's record."""
    kind = int if name == "exit_status" else str
    return value if isinstance(value, kind) else None


def _process(values: Mapping[str, Any], name: str) -> ProcessIdentity:
    pid, start_time = values[name]
    return ProcessIdentity(int(pid), int(start_time), str(values["boot_id"]))


def _object(line: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        return parse_json_object(line)
    return {}


def enter(entry: RunEntry) -> None:
    """Write down that a run begins. Not durable: after a power cut nothing of it runs.

    :raises OSError: the state directory is full, read-only or not ours.
    """
    path = _path(entry.run_id)
    try:
        fd = create_file(path)
    except FileNotFoundError:
        make_private_directory(registry_directory())
        fd = create_file(path)
    give_named(path)
    _write(fd, encode_start(entry))


def finish(run_id: str, values: Mapping[str, Any]) -> None:
    """Write down how a run ended; the first to say so is believed.

    :raises OSError: as for :func:`enter`, or the entry is gone.
    """
    _append(run_id, encode_end(values))


def note_temporary(run_id: str, path: str) -> None:
    """Write down which temp directory a run is about to make.

    Here, because no file in a workspace is believed about what is to be removed.

    :raises OSError: as for :func:`finish`.
    """
    _append(run_id, _line({"temporary": path}))


def _path(run_id: str) -> str:
    return f"{state_directory()}/{_RUNS}/{run_id}{_SUFFIX}"


def _append(run_id: str, line: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    _write(os.open(_path(run_id), flags), line)


def _write(fd: int, line: bytes) -> None:
    try:
        if os.write(fd, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(fd)


def read_entries() -> list[RunEntry]:
    """Return all entries that can be read, oldest first."""
    entries = [entry for name in _names() if (entry := _read(name)) is not None]
    # The names go by the second only.
    return sorted(entries, key=lambda entry: entry.started)


def read_entry(run_id: str) -> RunEntry | None:
    """Return the entry of one run, or None where there is none that can be read."""
    return _read(run_id + _SUFFIX)


def _names() -> list[str]:
    try:
        return sorted(name for name in os.listdir(registry_directory()) if name.endswith(_SUFFIX))
    except OSError:
        return []


def _read(name: str) -> RunEntry | None:
    try:
        head, _ = read_both_ends(os.path.join(registry_directory(), name), _LIMIT)
        return parse_entry(head)
    except OSError:
        return None


def prune_now_and_then(run_id: str, is_over: Callable[[RunEntry], bool]) -> None:
    """Prune after one run in sixteen, chosen by its id: reading all names takes a while."""
    if run_id.endswith("0"):
        prune(is_over)


def prune(is_over: Callable[[RunEntry], bool]) -> None:
    """Remove the oldest entries beyond the kept ones, once so many more have gathered.

    :param is_over: tells whether nothing of a run is alive; such a one stays.
    """
    names = _names()
    if len(names) <= KEPT_ENTRIES + _SLACK:
        return
    for name in names[:-KEPT_ENTRIES]:
        entry = _read(name)
        if entry is None or entry.finished or is_over(entry):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(registry_directory(), name))
