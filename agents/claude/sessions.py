"""Ask Claude Code's own store which sessions are a run's.

``projects/<directory with dashes>/<session>.jsonl`` is a session's transcript. It stays in the
project where the session began. ``sessions/<pid>.json`` names the session of a claude while that
claude lives. The formats are those of 2.1.332. An agent can have written either file.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

from ...kernel.containment.membership import RunProcesses, members
from ...kernel.files.regular_file import open_regular
from ...kernel.process.identity import ProcessIdentity, is_live, read_stat
from ...kernel.values import frozen
from ..adapter import parse_event, table, text
from ..session_store import Sighting

# Sub-agents' transcripts have other names, or lie one directory deeper.
SESSION = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ENTRY = r"([1-9]\d{0,9})\.json"
_ENTRY_LIMIT = 64 * 1024
_MOST_ENTRIES = 10_000
_PIECE = 256 * 1024
_MOST_FILES = 200_000
# A project is a directory that somebody worked in; a run writes only a few files.
_MOST_PROJECTS, _SECONDS = 50_000, 5.0


@frozen
class ClaudeSessions:
    """The transcripts below one configuration directory of claude.

    :param home: the agent's ``CLAUDE_CONFIG_DIR``, or ``~/.claude``.
    :param workdir: the directory that the run works in, resolved.
    :param since: when the run began (seconds since the epoch).
    :param interactive: a person types; then the newest session counts, else the first.
    """

    home: Path
    workdir: Path
    since: float
    interactive: bool = False

    def find(self, thread: str, *, sure: bool) -> Sighting | None:
        """Return a session that was named, once it has a transcript that can be resumed."""
        del sure  # only claude's own stream names one
        path = self._transcript(thread)
        return None if path is None else Sighting(thread, path)

    def held_open(self, processes: RunProcesses) -> Sequence[Sighting]:
        """Return the session of the run's first claude; the others are its tools' own."""
        for process in sorted(members(processes), key=lambda process: process.start_time):
            session = self._session_of(process)
            path = None if session is None else self._transcript(session)
            if session is not None and path is not None:
                return [Sighting(session, path)]
        return []

    def left_behind(self) -> Sequence[Sighting]:
        """Return the session that a finished run worked on, where only its transcript tells.

        A session that a living claude works on is another's.
        """
        others = {text(said.get("sessionId")) for _, said in _living(self.home)}
        found = sorted(each for each in self._written_here() if each[1] not in others)
        if not found:
            return []
        _, session, path = found[-1] if self.interactive else found[0]
        return [Sighting(session, path)]

    def _session_of(self, process: ProcessIdentity) -> str | None:
        entry = read_entry_of(self.home / "sessions", process.pid)
        is_it = entry.get("procStart") == str(process.start_time)
        session = entry.get("sessionId")
        return session if is_it and isinstance(session, str) else None

    def _transcript(self, session: str) -> str | None:
        if not re.fullmatch(SESSION, session):
            return None
        for directory in self._directories():
            path = os.path.join(directory, f"{session}.jsonl")
            if _is_conversation(path):
                return path
        return None

    def _directories(self) -> Iterator[str]:
        with contextlib.suppress(OSError), os.scandir(self.home / "projects") as entries:
            yield from (entry.path for entry in islice(entries, _MOST_PROJECTS))

    def _written_here(self) -> Iterator[tuple[float, str, str]]:
        """Yield moment, session and path of each session that worked in the workdir since.

        If a person types, the moment is the last write to it. Otherwise it is the session's
        beginning, because sessions of the agent's tools begin later.
        """
        until = time.monotonic() + _SECONDS
        for name, path in self._changed():
            if time.monotonic() > until:
                return  # an agent can have written any number
            first, last = _ends(path)
            if self._works_here(last) and not (self.interactive and _is_of_program(last)):
                moment = os.stat(path).st_mtime if self.interactive else _moment(first)
                yield moment, name, path

    def _changed(self) -> Iterator[tuple[str, str]]:
        left = _MOST_FILES
        for directory in self._directories():
            with contextlib.suppress(OSError), os.scandir(directory) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        return
                    name = entry.name.removesuffix(".jsonl")
                    if name != entry.name and re.fullmatch(SESSION, name) and self._is_new(entry):
                        yield name, entry.path

    def _is_new(self, entry: os.DirEntry[str]) -> bool:
        status = entry.stat(follow_symlinks=False)
        return stat.S_ISREG(status.st_mode) and status.st_mtime >= self.since

    def _works_here(self, record: Mapping[str, object]) -> bool:
        place = _place(record)
        return place is not None and (place == self.workdir or self.workdir in place.parents)


def read_entry_of(place: Path, pid: int) -> dict[str, object]:
    """Return the entry of a living claude; an empty table if there is no readable entry.

    :param place: the directory ``sessions`` of its configuration.
    """
    return _parse(_read(place / f"{pid}.json", 0, _ENTRY_LIMIT))


def living_on(session: str, home: Path) -> Iterator[int]:
    """Yield the living claudes that say they work on a session.

    Not seen: a claude that has just started and has not written its file yet.
    """
    yield from (pid for pid, said in _living(home) if said.get("sessionId") == session)


def sessions_in(workdir: Path, home: Path) -> Iterator[str]:
    """Yield the sessions on which living claudes say they work in a directory."""
    here = Path(os.path.realpath(workdir))
    for _, said in _living(home):
        session = text(said.get("sessionId"))
        if session and re.fullmatch(SESSION, session) and _place(said) == here:
            yield session


def _living(home: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield the pid of each living claude and what it says of itself."""
    place = home / "sessions"
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in islice(entries, _MOST_ENTRIES):
            named = re.fullmatch(_ENTRY, entry.name)
            said = {} if named is None else read_entry_of(place, int(named[1]))
            found = None if named is None or not said else read_stat(int(named[1]))
            if found is None or not is_live(found):
                continue
            if str(found.start_time) == said.get("procStart"):
                yield found.pid, said


def _place(record: Mapping[str, object]) -> Path | None:
    """Return the directory that a record names, resolved; None where it names none."""
    cwd = text(record.get("cwd"))
    # JSON can hold what no path can: a null, or half of a surrogate pair.
    with contextlib.suppress(OSError, ValueError):
        return None if cwd is None else Path(os.path.realpath(cwd))
    return None


def claude_home(environ: Mapping[str, str]) -> Path:
    """Return where a claude with this environment keeps its sessions."""
    home = environ.get("CLAUDE_CONFIG_DIR")
    return Path(home) if home else Path(environ.get("HOME") or "/", ".claude")


def _is_conversation(path: str) -> bool:
    """Tell whether a transcript holds words of a person or claude; without them it cannot go on."""
    data = _read(path, 0, _PIECE)
    if len(data) == _PIECE:
        return True
    return any(
        record.get("type") in ("user", "assistant") and record.get("isSidechain") is not True
        for record in map(_parse, data.splitlines())
    )


def _ends(path: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return the first and the last record that say where the session works."""
    try:
        size = os.lstat(path).st_size
    except OSError:
        return {}, {}
    head = _read(path, 0, _PIECE).splitlines()
    tail = _read(path, max(0, size - _PIECE), _PIECE).splitlines()
    return _first_placed(head), _first_placed(reversed(tail)) or _first_placed(head)


def _first_placed(lines: Iterable[bytes]) -> dict[str, object]:
    for record in map(_parse, lines):
        if "cwd" in record:
            return record
    return {}


def _is_of_program(record: Mapping[str, object]) -> bool:
    """Tell whether a program asked and no person typed, as in a tool's ``claude -p``."""
    return str(record.get("entrypoint")).startswith("sdk")


def _moment(record: Mapping[str, object]) -> float:
    try:
        return datetime.fromisoformat(str(record.get("timestamp"))).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _parse(line: bytes) -> dict[str, object]:
    return table(parse_event(line))


def _read(path: str | os.PathLike[str], at: int, size: int) -> bytes:
    """Return a piece of a regular file; nothing of any other file, or if it cannot be read."""
    try:
        fd = open_regular(path)
    except (OSError, ValueError):
        return b""
    try:
        return os.pread(fd, size, at)
    except OSError:
        return b""
    finally:
        os.close(fd)
