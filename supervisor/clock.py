"""The time of day as records and events write it."""

from __future__ import annotations

from datetime import UTC, datetime


def now_text() -> str:
    """Return this instant in UTC, milliseconds, as ``2026-01-31T12:00:00.000Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
