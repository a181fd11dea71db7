"""The runs of this user, as the kernel and their own records show them now.

The registry only says where to look. A run goes on while its guardian does, named by pid, start
time and boot. Its state is in its own events. The owner's record of its workspace says whether a
dead run left something.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from ...kernel.files.below import directory_below
from ...kernel.files.regular_file import read_both_ends
from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import ProcessStat, is_live, is_running
from ...kernel.process.memory import resident_bytes
from ...kernel.process.procfs import all_stats
from ...kernel.values import frozen, replace
from ...workspace.gc.survey import Survey, survey_workspace
from ...workspace.paths import WorkspaceKey, locate_workspace
from ..history.lookup import past_roots
from ..history.run_entry import RunEntry
from .ended import finish_by_record
from .registry import is_here, read_entries, registered_roots

_READ = 64 * 1024
_ASIDE = frozenset({"SIGUSR1", "SIGUSR2", "SIGCONT"})
RunEvent = Mapping[str, Any]


class RunState(StrEnum):
    """What a run is at, as ``codexlab ps`` shows it."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    RETRYING = "retrying"
    ENDING = "ending"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"
    UNREADABLE = "unreadable"
    FINISHED = "finished"


@frozen
class RunView:
    """One run as it is now.

    :param entry: what the registry says, with the end that its own record tells.
    :param state: ``waiting`` for its workspace, ``starting``, ``running``, ``retrying``,
        ``ending``, ``finished``, ``unreadable`` (see ``problem``), ``dead`` or ``elsewhere``. Dead:
        killed, and its leftovers are not ended yet (see ``reap``). Elsewhere: of another host or
        pid namespace; its processes cannot be seen from here.
    :param processes: how many the agent has, itself included; None unless it runs.
    :param memory: their resident bytes; a page that several share is counted in each.
    :param problem: why the state of the run is not known.
    """

    entry: RunEntry
    state: RunState
    thread: str | None = None
    processes: int | None = None
    memory: int | None = None
    problem: str | None = None


def list_runs(issue: str | None = None) -> list[RunView]:
    """Return every run of this user that is still registered, oldest first.

    The entry of a run that ended without writing its end is finished on the way.

    :param issue: only those of this issue.
    """
    entries = [entry for entry in read_entries() if issue in (None, entry.issue)]
    views = [look_at_run(entry) for entry in entries]
    if not any(view.state in _ALIVE for view in views):
        return views
    tree = _Tree(all_stats())
    return [_with_use(view, tree) if view.state in _ALIVE else view for view in views]


_ALIVE: frozenset[RunState] = frozenset({RunState.RUNNING, RunState.RETRYING, RunState.ENDING})


def known_roots() -> list[Path]:
    """Return the workspaces roots that runs used, but for those that are gone.

    A root that cannot be looked at is one of them: who reads it says why that cannot be.
    """
    roots = {*registered_roots(), *map(Path, past_roots())}
    return sorted(filter(_may_be_there, roots))


def _may_be_there(root: Path) -> bool:
    try:
        os.stat(root)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return os.path.isdir(root)


def look_at_run(entry: RunEntry) -> RunView:
    """Look at one run; whatever is wrong with it hides none of the others."""
    try:
        return _look(entry)
    except PermissionError as error:
        return RunView(entry, RunState.UNREADABLE, problem=error.strerror)
    except Exception as error:
        return RunView(entry, RunState.UNREADABLE, problem=str(error) or type(error).__name__)


def _look(entry: RunEntry) -> RunView:
    if entry.finished is not None:
        return RunView(entry, RunState.FINISHED, entry.thread)
    if not is_here(entry):
        return RunView(entry, RunState.ELSEWHERE)
    survey = _survey(entry)
    owner = None if survey is None else survey.owner
    ours = owner is not None and owner.run_id == entry.run_id
    if is_running(entry.guardian):
        events = _read_events(entry)
        supervised = is_running(entry.supervisor)
        state = decide_state(events, ours=ours, supervised=supervised)
        return RunView(entry, state, thread_of(events))
    if owner is not None and ours and not owner.contained:
        state = RunState.ENDING if is_running(entry.supervisor) else RunState.DEAD
        return RunView(entry, state, thread_of(_read_events(entry)))
    over = finish_by_record(entry)
    return RunView(over, RunState.FINISHED, over.thread)


def _base(entry: RunEntry) -> str:
    """Return the workspaces root of a run: no link is followed below it."""
    parents = Path(entry.workspace).parents
    return os.fspath(parents[2]) if len(parents) > 3 else ""


def _survey(entry: RunEntry) -> Survey | None:
    path = Path(entry.workspace)
    if len(path.parents) <= 3:
        return None
    key = WorkspaceKey(entry.project, entry.issue, entry.agent)
    return survey_workspace(locate_workspace(path.parents[2], key))


def decide_state(events: Iterable[RunEvent], *, ours: bool, supervised: bool) -> RunState:
    """Return the state of a run whose guardian lives.

    :param events: its own events, oldest first; some may be missing in the middle.
    :param ours: whether its workspace names this run.
    :param supervised: whether its supervisor is alive; else the guardian is ending it.
    """
    state = RunState.STARTING if ours else RunState.WAITING
    for event in events:
        match event.get("event"):
            case "child.spawned":
                state = RunState.RUNNING
            case "attempt.retrying":
                state = RunState.RETRYING
            case "child.exited" | "contained" | "run.finished":
                state = RunState.ENDING
            case "signal.sent" if event.get("signal") not in _ASIDE:
                state = RunState.ENDING
            case _:
                pass
    return state if supervised else RunState.ENDING


def thread_of(events: Iterable[RunEvent]) -> str | None:
    """Return the newest thread a run has told of."""
    threads = [event.get("thread") for event in events if event.get("event") == "thread.started"]
    return threads[-1] if threads and isinstance(threads[-1], str) else None


def _read_events(entry: RunEntry) -> list[RunEvent]:
    """Return the first and the last of a run's events; the middle of a long run is left out."""
    try:
        with directory_below(os.path.dirname(entry.record), _base(entry)) as directory:
            ends = read_both_ends("events.ndjson", _READ, dir_fd=directory)
    except OSError:
        return []
    lines = [line for end in ends for line in end.split(b"\n")]
    return [event for line in lines if (event := _event(line)) is not None]


def _event(line: bytes) -> RunEvent | None:
    with contextlib.suppress(ValueError):
        return parse_json_object(line)
    return None


class _Tree:
    """All processes of one reading, by parent."""

    def __init__(self, stats: Iterable[ProcessStat]) -> None:
        self._below: dict[int, list[ProcessStat]] = {}
        for stat in stats:
            self._below.setdefault(stat.parent, []).append(stat)

    def below(self, root: int, spared: int) -> list[int]:
        """Return the live descendants of a process, one subtree left out."""
        found: list[int] = []
        pending = [root]
        while pending:
            for stat in self._below.get(pending.pop(), ()):
                if stat.pid != spared:
                    pending.append(stat.pid)
                    found.extend([stat.pid] if is_live(stat) else [])
        return found


def _with_use(view: RunView, tree: _Tree) -> RunView:
    entry = view.entry
    pids = tree.below(entry.guardian.pid, entry.supervisor.pid)
    return replace(view, processes=len(pids), memory=sum(map(resident_bytes, pids)))
