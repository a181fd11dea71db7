"""Find the threads of a run that was killed before it could write them down."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from ...agents.adapter import Adapter, LineReader
from ...agents.registry import adapter_of
from ...kernel.errors import CodexlabError
from ...kernel.files.regular_file import read_both_ends
from ...workspace.claim.threads import read_threads, record_thread
from ...workspace.owner import OwnerRecord
from ...workspace.paths import WorkspacePaths
from ..lifecycle.exit import Reason
from ..records.record_file import read_record, rewrite_record

_UNFINISHED = (None, Reason.SUPERVISOR_LOST)
# A stream names its thread at the beginning, a screen at the end.
_PIECE = 256 * 1024
_MOST_NAMES = 64


def adopt_threads(
    paths: WorkspacePaths,
    agent: str,
    previous: OwnerRecord | None,
    environ: Mapping[str, str],
) -> None:
    """Record the threads of the last run here, if its host was killed before it could.

    The run's logs name them, or else they are the rollouts that were begun in its workdir
    meanwhile. The claim must be held, and the run must be over. A file that cannot be read or
    written is left out: the launch goes on without it.

    :param environ: tells where an agent keeps sessions of its own.
    """
    if previous is None or not adapter_of(agent).resumable:
        return
    directory = paths.runs / previous.run_id
    record = read_record(directory, paths.base)
    if record is None or record.get("reason") not in _UNFINISHED:
        return
    try:
        _adopt(paths, agent, directory, record, environ)
    except (OSError, ValueError, OverflowError, CodexlabError):
        return


def _adopt(
    paths: WorkspacePaths,
    agent: str,
    directory: Path,
    record: dict[str, Any],
    environ: Mapping[str, str],
) -> None:
    workdir, since = _workdir_of(record), str(record.get("started"))
    if workdir is None:
        return
    known = {entry.id for entry in read_threads(paths).threads}
    adapter, real = adapter_of(agent), Path(os.path.realpath(workdir))
    named = _names_in_logs(directory, adapter, record)
    if not adapter.keeps_rollouts:
        begun = datetime.fromisoformat(since).timestamp()
        sessions = adapter.session_store(environ, real, begun)
        found = [name for name in named if sessions.find(name, sure=True)]
        found = found or [sighting.thread for sighting in sessions.left_behind()]
    else:
        from .codex_sessions import CodexSessions  # here: rarely needed

        store = CodexSessions(paths.codex_home, real)
        found = [name for name in named if name in known or store.find_late(name, since)]
        found = found or store.begun_since(since)
    for thread in found:
        record_thread(paths, thread, _start_of(record, workdir), agent)
    if found and record.get("thread") != found[-1]:
        rewrite_record(directory, {**record, "thread": found[-1]}, paths.base)


def _workdir_of(record: Mapping[str, Any]) -> Path | None:
    workdir = record.get("workdir")
    path = cast("dict[str, object]", workdir).get("path") if isinstance(workdir, dict) else None
    return Path(path) if isinstance(path, str) and os.path.isabs(path) else None


def _start_of(record: Mapping[str, Any], workdir: Path) -> Path:
    """Return where the run's agent started, as its record says; it is only shown."""
    cwd = record.get("cwd")
    return Path(cwd) if isinstance(cwd, str) and os.path.isabs(cwd) else workdir


def _names_in_logs(directory: Path, agent: Adapter, record: Mapping[str, Any]) -> list[str]:
    """Return the threads that the run's output named, the last one last."""
    command = record.get("argv")
    words = list(map(str, cast("list[object]", command))) if isinstance(command, list) else []
    names: dict[str, None] = {}
    for name in _names(directory, agent, words):
        names.pop(name, None)
        names[name] = None
    return list(names)[-_MOST_NAMES:]


def _names(directory: Path, agent: Adapter, command: list[str]) -> Iterator[str]:
    readers = agent.readers(command)
    logs: tuple[tuple[str, LineReader | None], ...] = (
        ("stdout.log", readers.stdout),
        ("stderr.log", readers.stderr),
        ("terminal.log", agent.read_screen_line),
    )
    for name, read in logs:
        if read is not None:
            yield from filter(None, (read(line).thread for line in _lines(directory / name)))


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a log's beginning and end; a log that is no plain file has none."""
    try:
        data = b"\n".join(read_both_ends(path, _PIECE))
    except OSError:
        return
    yield from (line.rstrip(b"\r") for line in data.split(b"\n"))
