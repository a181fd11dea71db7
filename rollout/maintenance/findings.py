"""What a check of rollouts can find, and which of it is harmless."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Problem(StrEnum):
    """A problem that a check can find."""

    DAMAGED_FRAME = "damaged frame"
    REFUSED = "more than codex writes"
    NO_CHECKSUM = "frame without checksum"
    BAD_LINE = "line is no record"
    TOO_LONG = "line too long to be checked"
    INVALID_UTF8 = "invalid UTF-8"
    BYTE_ORDER_MARK = "byte order mark hides the thread from codex"
    TORN_TAIL = "torn last line"
    ORDINALS = "ordinals out of order"
    TWO_FORMS = "two forms"
    TWO_PLACES = "active and archived"
    KEPT = "kept file"
    DUE = "kept file for the next sweep"
    UNLISTED = "kept file without an entry"
    SET_ASIDE = "frame set aside"
    TEMPORARY = "temporary file"
    UNREADABLE = "cannot be read"


# Said, but nothing is lost and nothing needs doing. codex's own frames have no checksum. A
# writer that is at work, or was killed, leaves a torn line. A line may be longer than we read,
# and whole. What is kept for a grace is the next sweep's business.
HARMLESS = frozenset(
    {
        Problem.NO_CHECKSUM,
        Problem.TORN_TAIL,
        Problem.TOO_LONG,
        Problem.DUE,
        Problem.SET_ASIDE,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    :param path: the file.
    :param detail: where and how, in words.
    :param line: number of the line it was found in, where there is one.
    """

    path: str
    problem: Problem
    detail: str = ""
    line: int | None = None

    @property
    def is_harmless(self) -> bool:
        """Tell whether nothing needs doing about it."""
        return self.problem in HARMLESS
