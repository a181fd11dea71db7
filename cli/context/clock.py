"""The one clock of all commands: local time for a person, UTC with a Z in JSON."""

from __future__ import annotations

import datetime as dt


def utc_seconds(when: float) -> str:
    """Return a moment (seconds since the epoch) for JSON: ``2026-01-31T12:00:00Z``."""
    return f"{dt.datetime.fromtimestamp(when, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def local_of(written: str) -> str:
    """Return a moment that a record names for a person; a text that is no moment stays."""
    try:
        return f"{dt.datetime.fromisoformat(written).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return written


def local_minutes(when: float) -> str:
    """Return a moment (seconds since the epoch) for a person: ``2026-01-31 13:00``."""
    return f"{dt.datetime.fromtimestamp(when).astimezone():%Y-%m-%d %H:%M}"
