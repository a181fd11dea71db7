"""When a rollout began: what it says itself, in UTC, and never what its name says alone.

The time in a name is the writer's local time, without its zone. So the later of two names may
stand for the earlier moment. One may be from Tokyo and one from London, or both from the hour
that autumn repeats. The moment in ``session_meta`` decides, if it can be the name's: zones lie
between 12 hours behind UTC and 14 before it.
"""

from __future__ import annotations

import contextlib
import datetime as dt

from ..store.names import RolloutName

_DAY = dt.timedelta(days=1)
_BEHIND, _BEFORE = dt.timedelta(hours=-12, minutes=-1), dt.timedelta(hours=14, minutes=1)
_FIRST = "0000-01-01T00-00-00"
_WRITTEN = len("2025-01-03T12:00:00.000Z")


def moment_of(name: RolloutName, said: str) -> str:
    """Return when a rollout began, as codex writes times: ``2025-01-03T12:00:00.000Z``.

    :param said: the timestamp of its metadata, "" when not known. One that no zone could
        make of the name is not believed; then the name counts, in our local time.
    """
    then = _parsed(said)
    if then is not None and _BEHIND <= name.started - then.replace(tzinfo=None) <= _BEFORE:
        return said if is_moment(said) else written(then)
    return local_as_utc(name.timestamp)


def is_moment(text: str) -> bool:
    """Tell whether a text is a moment as codex writes it."""
    return len(text) == _WRITTEN and _is_written(text)


def _is_written(said: str) -> bool:
    return said[10] == "T" and said.endswith("Z") and _parsed(said) is not None


def latest_moment(name: RolloutName) -> str:
    """Return the latest moment that a name can stand for."""
    try:
        return written(name.started + _DAY)
    except OverflowError:
        return written(dt.datetime.max)


def _parsed(said: str) -> dt.datetime | None:
    try:
        then = dt.datetime.fromisoformat(said)
        # codex writes UTC; an offset is heeded all the same.
        return then.replace(tzinfo=dt.UTC) if then.tzinfo is None else then.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def local_as_utc(stamp: str) -> str:
    """Turn a local time as file names write it, or its beginning, into a moment.

    Of an hour that was there twice the first is meant. What is no date, such as the
    31st of April, is taken for UTC as it stands.
    """
    whole = stamp + _FIRST[len(stamp) :]
    text = f"{whole[:13]}:{whole[14:16]}:{whole[17:19]}"
    try:
        then = dt.datetime.fromisoformat(text)
        # At either end of the calendar UTC lies outside of it; nothing was said in those years.
        with contextlib.suppress(ValueError, OverflowError):
            then = then.astimezone(dt.UTC)
    except ValueError:
        return f"{text}.000Z"
    return written(then)


def written(then: dt.datetime) -> str:
    """Write a time in UTC the way codex does."""
    return then.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def name_stamp(moment: str, days: int) -> str:
    """Write a moment as names write times, so many days later; the calendar's end at most."""
    then = dt.datetime.fromisoformat(moment[:19])
    try:
        then += dt.timedelta(days=days)
    except OverflowError:
        then = dt.datetime.min if days < 0 else dt.datetime.max
    return then.isoformat(timespec="seconds").replace(":", "-")
