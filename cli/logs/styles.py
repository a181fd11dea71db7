"""The looks of lines on a terminal, and the times before them."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum


class Style(StrEnum):
    """How a line looks: the parameters of SGR (ECMA-48)."""

    PLAIN = ""
    FAINT = "2"
    TOOL = "35"
    ERROR = "31"
    PROMPT = "1;36"


def styled(text: str, style: Style) -> str:
    """Return a text that looks so on a terminal."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and text else text


def utc_text(when: float | None) -> str | None:
    """Return a moment in UTC as ISO 8601, with milliseconds; None where none is known."""
    if (moment := _moment(when)) is None:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_text(when: float | None) -> str | None:
    """Return a moment as a local time of the day; of another day, with its date."""
    if (moment := _moment(when)) is None:
        return None
    local = moment.astimezone()
    time = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"
    return time if local.date() == dt.date.today() else f"{local:%Y-%m-%d} {time}"


def _moment(when: float | None) -> dt.datetime | None:
    try:
        return None if when is None else dt.datetime.fromtimestamp(when, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None
