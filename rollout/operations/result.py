"""The result of work on one rollout, in the same few words for every command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .handle import Subject


class Outcome(StrEnum):
    """The outcome of work on one rollout, or on one kept file."""

    COMPRESSED = "compressed"
    RESTORED = "restored"
    SETTLED = "settled"
    SALVAGED = "salvaged"
    PUT_BACK = "put back"
    WOULD = "would"
    SKIPPED = "skipped"
    BUSY = "busy"
    CHANGED = "changed"
    WAITING = "waiting"
    DELETED = "deleted"
    REPORTED = "reported"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of work on one rollout.

    :param reason: why, in words for people; empty where the outcome says it all.
    :param before: bytes of the form that was there, 0 where that means nothing.
    :param after: bytes of the form that is there now.
    """

    subject: Subject
    outcome: Outcome
    reason: str = ""
    before: int = 0
    after: int = 0
