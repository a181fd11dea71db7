"""The agent's threads seen in a workspace, and its cargo key: ``threads.json``."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ...kernel.files.atomic import replace_file
from ...kernel.values import asdict, frozen, replace
from ..errors import operator_errors
from ..fs import directory, read_small, set_aside
from ..owner import DamagedRecord, is_text, parse_object
from ..paths import CONTROL, WorkspacePaths

if TYPE_CHECKING:
    from .claim import Claim

_NAME = "threads.json"
_MOST = 999
# Both kinds of name become arguments and parts of paths: never an option, never "..".
_NAMED = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}"


@frozen
class ThreadEntry:
    """One thread.

    :param id: the agent's own id of it.
    :param cwd: directory it belongs to: codex and claude resume it only there for certain.
    :param agent: whose it is.
    :param seen: ISO 8601 time it was recorded last.
    """

    id: str
    cwd: str
    agent: str
    seen: str


@frozen
class ThreadLog:
    """Threads newest last, and the key that keeps builds of this issue warm."""

    threads: tuple[ThreadEntry, ...] = ()
    cargo_key: str | None = None

    def latest(self, agent: str, cwd: Path | None = None) -> ThreadEntry | None:
        """Return the newest thread of an agent, in one directory when that is given."""
        for entry in reversed(self.threads):
            if entry.agent == agent and (cwd is None or entry.cwd == str(cwd)):
                return entry
        return None


def read_threads(paths: WorkspacePaths) -> ThreadLog:
    """Return the recorded threads; none when there is no record or it is damaged."""
    try:
        with directory(paths.base, *paths.names, CONTROL) as control_fd:
            return _parse(read_small(_NAME, control_fd, paths.threads))
    except (FileNotFoundError, DamagedRecord):
        return ThreadLog()


def record_thread(paths: WorkspacePaths, thread_id: str, cwd: Path, agent: str) -> ThreadLog:
    """Make a thread the newest one. The claim must be held.

    Called once its rollout exists, so that nobody is sent to a thread that is not there.
    An id no agent would give is left out: see `is_thread_id`.
    """
    log = read_threads(paths)
    if not is_thread_id(thread_id):
        return log
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    others = tuple(entry for entry in log.threads if (entry.id, entry.agent) != (thread_id, agent))
    newest = ThreadEntry(thread_id, str(cwd), agent, now)
    log = replace(log, threads=(*others[-_MOST:], newest))
    _write(paths, log)
    return log


def stored_cargo_key(
    paths: WorkspacePaths, make: Callable[[], str], known: str | None = None
) -> str:
    """Return the workspace's cargo key, made once. The claim must be held.

    :param known: what it is, where that is known elsewhere; the record is then set right.
    """
    log = read_threads(paths)
    key = known or log.cargo_key or make()
    if log.cargo_key != key:
        _write(paths, replace(log, cargo_key=key))
    return key


def keep_cargo_key(claim: Claim, make: Callable[[], str]) -> str:
    """Return the workspace's cargo key, made once and noted in our state directory.

    ``threads.json`` shows it too; where that says another one it is set right, with a line.
    """
    witness = claim.witness
    known = None if witness is None else witness.cargo_key
    told = None if known is None else read_threads(claim.paths).cargo_key
    key = stored_cargo_key(claim.paths, make, known)
    if told not in (None, key):
        claim.notes.append(f"{claim.paths.threads}: its cargo_key was changed; it is {key} again")
    if witness is not None:
        claim.note(replace(witness, cargo_key=key))
    return key


def known_cargo_key(paths: WorkspacePaths) -> str | None:
    """Return the key that the next launch would use; None where it would make one."""
    from ..records.witness import read_witness

    witness = read_witness(paths)
    known = None if witness is None else witness.cargo_key
    return known or read_threads(paths).cargo_key


def is_thread_id(text: str) -> bool:
    """Tell whether a text can be an agent's thread: one word that is no option."""
    return re.fullmatch(_NAMED, text) is not None


def _write(paths: WorkspacePaths, log: ThreadLog) -> None:
    data = json.dumps({"v": 1, **asdict(log)}, indent=1).encode() + b"\n"
    with directory(paths.base, *paths.names, CONTROL, create=True) as control_fd:
        try:
            _parse(read_small(_NAME, control_fd, paths.threads))
        except DamagedRecord:
            set_aside(_NAME, control_fd)
        with operator_errors(paths.threads):
            replace_file(_NAME, data, dir_fd=control_fd)


def _parse(data: bytes | None) -> ThreadLog:
    if data is None:
        return ThreadLog()
    values = parse_object(data)
    entries, key = values.get("threads"), values.get("cargo_key")
    if not isinstance(entries, list) or not (
        key is None or (isinstance(key, str) and re.fullmatch(_NAMED, key))
    ):
        raise DamagedRecord(_NAME)
    return ThreadLog(tuple(map(_entry, cast("list[object]", entries))), key)


def _entry(value: object) -> ThreadEntry:
    if not isinstance(value, dict):
        raise DamagedRecord("thread")
    values = cast("dict[str, object]", value)
    texts = [values.get(name) for name in ThreadEntry.__match_args__]
    if not all(is_text(text) for text in texts) or not is_thread_id(str(texts[0])):
        raise DamagedRecord("thread")
    return ThreadEntry(*cast("list[str]", texts))
