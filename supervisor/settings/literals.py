"""Durations and sizes as people write them: ``10s 5m 2h 1500ms``, ``512M 2G``."""

from __future__ import annotations

import re
from typing import cast

_DURATION = r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?"
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = r"(?i)(\d+)([KMGT])?i?B?"
# Longer than anybody waits, and more than any file system holds.
_MOST_SECONDS, _NEVER, _MOST_BYTES = 1e10, 1e13, 2**63 - 1
_LONGEST, _DIGITS = 4095, 100
_A_DURATION = "a duration such as 10s, 5m, 2h or 1500ms"
_BYTES = {None: 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_duration(text: object) -> float:
    """Return seconds; a bare number counts as seconds.

    :raises ValueError: saying what was expected.
    """
    if isinstance(text, int | float) and not isinstance(text, bool) and 0 <= text < _MOST_SECONDS:
        return float(text)
    match = re.fullmatch(_DURATION, str(text)[:_LONGEST])
    if match is None:
        raise ValueError(f"expected {_A_DURATION}")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not seconds < _NEVER:
        raise ValueError(f"expected a duration below {_NEVER:.0f}s")
    return seconds


def parse_size(text: object) -> int:
    """Return bytes; a bare number counts as bytes.

    :raises ValueError: saying what was expected.
    """
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text <= _MOST_BYTES:
        return text
    match = re.fullmatch(_SIZE, "" if isinstance(text, int) else str(text)[:_DIGITS])
    size = -1 if match is None else int(match[1]) * _BYTES[match[2].upper() if match[2] else None]
    if not 0 <= size <= _MOST_BYTES:
        raise ValueError("expected a size such as 512M or 2G")
    return size


def parse_given(text: object) -> object:
    """Return a text as it is, if there is any: an empty one was a variable that is not set.

    :raises ValueError: saying what was expected.
    """
    if text == "":
        raise ValueError("expected a text that is not empty")
    if isinstance(text, str) and ("\0" in text or len(text) > _LONGEST):
        # No system call takes the first, and no path or name is longer (PATH_MAX).
        raise ValueError(f"expected at most {_LONGEST} characters, and none of them NUL")
    return text


def parse_limit(value: object) -> float | None:
    """Return seconds; nothing, or zero of them, is no limit."""
    return (parse_duration(value) or None) if value is not None else None


def parse_size_limit(value: object) -> int | None:
    """Return bytes; nothing, or zero of them, is no limit."""
    return (parse_size(value) or None) if value is not None else None


def parse_wait(value: object) -> float | None:
    """Return how many seconds to wait; None for ever.

    :raises ValueError: saying what was expected.
    """
    if value == "forever":
        return None
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or forever") from None


def check_passed_name(name: str) -> None:
    """Refuse what no variable is called, and no glob of variables.

    :raises ValueError: saying what was expected.
    """
    if not name or "=" in name or "\0" in name or any(map(str.isspace, name)):
        raise ValueError("expected a variable's name or glob")


def parse_codes(value: object) -> tuple[int, ...]:
    """Return exit statuses, from text with commas or from a list.

    :raises ValueError: saying what was expected.
    """
    if value == ():
        return ()
    listed = value.split(",") if isinstance(value, str) else value
    words = [str(code) for code in cast("list[object]", listed)] if isinstance(listed, list) else []
    if not words or not all(word.isdecimal() and 0 < int(word) < 256 for word in words):
        raise ValueError("expected exit statuses from 1 to 255, as in 1,75")
    return tuple(map(int, words))
