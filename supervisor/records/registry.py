"""One small file per run in the state directory: where to look for all runs of this user.

Invariant: an entry is never believed. It says which processes to ask the kernel for and where the
run's own record lies; who reads it looks there. So no part of a run waits for its entry, locks it
or fails with it. After a crash, an unfinished entry is finished by any reader that sees the end of
its run.

A file holds lines of JSON: from the start of the run, with the name of its temp directory, and from
its end. Each is written by a single write. So nothing is renamed, and a torn line is no line.
Entries of runs that are over move into the history: see `ended`.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ...kernel.files.home_owner import give_named, make_private_directory
from ...kernel.files.regular_file import create_file, read_both_ends
from ...kernel.process.identity import boot_id
from ...kernel.xdg import state_directory
from ...workspace.records.machine import pid_namespace
from ..history.run_entry import (
    RunEntry,
    RunFacts,
    encode_end,
    encode_start,
    encode_temporary,
    parse_entry,
)

KEPT_ENTRIES = 1000
# So many more may gather before the oldest are looked through and removed.
_SLACK = 100
_RUNS, _SUFFIX = "runs", ".json"
_LIMIT = 64 * 1024
_NO_FACTS = RunFacts()


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


def finish(
    run_id: str,
    values: Mapping[str, Any],
    facts: RunFacts = _NO_FACTS,
    mask: Callable[[str], str] = str,
) -> None:
    """Write down how a run ended; the first to say so is believed.

    :param mask: hides what is secret in a line of text.
    :raises OSError: as for :func:`enter`, or the entry is gone.
    """
    _append(run_id, mask(encode_end(values, facts).decode()).encode())


def note_temporary(run_id: str, path: str) -> None:
    """Write down which temp directory a run is about to make.

    Here, because no file in a workspace is believed about what is to be removed.

    :raises OSError: as for :func:`finish`.
    """
    _append(run_id, encode_temporary(path))


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


def registered_roots() -> set[Path]:
    """Return the workspaces roots that registered runs used, be they there or not."""
    workspaces = [Path(entry.workspace) for entry in read_entries() if is_here(entry)]
    return {path.parents[2] for path in workspaces if len(path.parents) > 3}


def read_entry(run_id: str) -> RunEntry | None:
    """Return the entry of one run, be it in the history by now, or None where neither has it."""
    if (entry := _read(run_id + _SUFFIX)) is not None:
        return entry
    from ..history.lookup import find_past_run  # here: it is asked for runs that are long over

    return find_past_run(run_id)


def _names() -> list[str]:
    try:
        return sorted(name for name in os.listdir(registry_directory()) if name.endswith(_SUFFIX))
    except OSError:
        return []


def _read(name: str) -> RunEntry | None:
    try:
        head, _ = read_both_ends(os.path.join(registry_directory(), name), _LIMIT)
    except OSError:
        return None
    entry = parse_entry(head)
    return entry if entry is not None and entry.run_id + _SUFFIX == name else None


def count_entries() -> int:
    """Return how many entries there are, readable or not."""
    return len(_names())


def forget(run_id: str) -> None:
    """Remove an entry that the history has; what cannot be removed is moved again later."""
    with contextlib.suppress(OSError):
        os.unlink(_path(run_id))


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
