"""The result of work on one rollout, in the same few words for every command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..store.rollout_ref import RolloutRef


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
class DoubtedJournal:
    """A journal of kept files of which a line is not believed; it names no thread."""

    path: str
    thread_id: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of work on one rollout, or of a look at a journal that is not believed.

    :param reason: why, in words for people; empty where the outcome says it all.
    :param before: bytes of the form that was there, 0 where that means nothing.
    :param after: bytes of the form that is there now.
    """

    about: RolloutRef | DoubtedJournal
    outcome: Outcome
    reason: str = ""
    before: int = 0
    after: int = 0

    @property
    def path(self) -> str:
        """The plain path of the rollout, or the path of the journal."""
        return self.about.path

    @property
    def thread_id(self) -> str:
        """The rollout's thread; empty for a journal."""
        return self.about.thread_id
