"""A run in words: its state, its age, and how it ended, for a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from ....supervisor.history.run_entry import RunEntry
from ....supervisor.lifecycle.exit import AgentOutcome, Reason
from ....supervisor.records.runs import RunState, RunView

_HEADS: Mapping[str | None, str] = {
    Reason.TIMEOUT: "timed out",
    Reason.IDLE: "idle too long",
    Reason.MEMORY: "out of memory",
    Reason.CANCELLED: "stopped",
    Reason.SIGNALED: "killed",
    Reason.SUPERVISOR_LOST: "lost",
    Reason.BUSY: "refused",
    Reason.LAUNCH_FAILED: "not started",
}
_STATES: Mapping[RunState, str] = {RunState.DEAD: "killed, not reaped"}
# As many as a name of a run needs, see `run_names`.
_SHORTEST = 4


def state_words(view: RunView) -> str:
    """Return what a run is at, or how it ended and why."""
    if view.state is not RunState.FINISHED:
        return _STATES.get(view.state, str(view.state))
    return ending_words(view.entry)


def ending_words(entry: RunEntry) -> str:
    """Return how a run ended, and why in one phrase."""
    head = _HEADS.get(entry.reason)
    if head is None:
        if entry.exit_status == 0 and entry.agent_outcome != AgentOutcome.FAILED:
            return "done"
        head = "failed"
    why = _why(entry, known=head != "failed")
    return f"{head}: {why}" if why else head


def _why(entry: RunEntry, *, known: bool) -> str | None:
    """Return the reason in one phrase; the head alone may say enough."""
    if entry.facts.why:
        return entry.facts.why
    if entry.error:
        return "the workspace is busy" if entry.reason == Reason.BUSY else entry.error
    return None if known else f"exit {entry.exit_status}"


def seconds_between(began: str, ended: str | None = None) -> float | None:
    """Return the seconds between two moments, or until now; None where one is no moment."""
    try:
        end = dt.datetime.now(dt.UTC) if ended is None else dt.datetime.fromisoformat(ended)
        return round(max(0.0, (end - dt.datetime.fromisoformat(began)).total_seconds()), 3)
    except (TypeError, ValueError, OverflowError):
        return None


def duration_of(entry: RunEntry) -> float | None:
    """Return how long a run took in seconds; None while it goes on."""
    if entry.finished is None or entry.facts.duration is not None:
        return entry.facts.duration
    return seconds_between(entry.started, entry.finished)


def local_time(moment: str) -> str:
    """Return a moment in the local time of the person who reads it."""
    try:
        return dt.datetime.fromisoformat(moment).astimezone().isoformat(" ", "seconds")[:19]
    except (ValueError, OverflowError):
        return "at an unknown time"


def span(seconds: float | None) -> str:
    """Return a time in one unit."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"


def unique_beginnings(run_ids: Iterable[str]) -> dict[str, str]:
    """Return for each run the shortest name that means it alone: see `run_names`.

    It is the beginning of the part behind the date, which differs early.
    """
    parts = {run_id: run_id.partition("-")[2] or run_id for run_id in run_ids}
    ordered = sorted([*parts, *(part for run_id, part in parts.items() if part != run_id)])
    place = {text: number for number, text in enumerate(ordered)}
    names = {run_id: _beginning(part, ordered, place[part]) for run_id, part in parts.items()}
    # A part that begins a date, or is another run's too, means several.
    return {run_id: name or run_id for run_id, name in names.items()}


def _shared(part: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginnings."""
    pairs = enumerate(zip(part, other, strict=False))
    return next((n for n, (one, two) in pairs if one != two), min(len(part), len(other)))


def _beginning(part: str, ordered: list[str], at: int) -> str | None:
    near = [ordered[n] for n in (at - 1, at + 1) if 0 <= n < len(ordered)]
    shared = max((_shared(part, other) for other in near), default=0)
    return part[: max(_SHORTEST, shared + 1)] if shared < len(part) else None
