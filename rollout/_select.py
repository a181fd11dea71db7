"""Which rollouts are wanted: by their names, and by what they say of themselves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..kernel import frozen
from ._directory import LogicalRollout
from ._names import RolloutForm
from ._store import UnreadableDirectory, scan_store

if TYPE_CHECKING:
    from ._heads import RolloutHead


@frozen
class Filters:
    """Which rollouts are wanted; None wants all.

    :param since: first name timestamp wanted, ``YYYY-MM-DD[THH-MM-SS]``, local time.
    :param until: the first no longer wanted.
    :param cwd: directory at or below which the agent worked.
    :param threads: ids of the threads wanted, as when an issue's are known.
    :param archived: only archived ones, or only active ones.
    :param form: only plain ones, or only those that exist compressed alone.
    """

    since: str | None = None
    until: str | None = None
    cwd: str | None = None
    threads: frozenset[str] | None = None
    archived: bool | None = None
    form: RolloutForm | None = None

    @property
    def look_at_names(self) -> bool:
        """Tell whether there is anything that a name could fail."""
        return (self.since, self.until, self.threads, self.form) != (None, None, None, None)

    def fit_name(self, rollout: LogicalRollout) -> bool:
        """Decide by what the directory says; nothing is opened."""
        stamp = rollout.name.timestamp
        return (
            (self.since is None or stamp >= self.since)
            and (self.until is None or stamp < self.until)
            and (self.threads is None or rollout.thread_id in self.threads)
            and (self.form is None or (self.form is RolloutForm.PLAIN) == rollout.plain)
        )

    def fit_head(self, head: RolloutHead) -> bool:
        """Decide by what the rollout says of itself."""
        if self.cwd is None:
            return True
        return head.meta is not None and lies_in(head.meta.cwd, self.cwd)


def select_rollouts(
    home: str | os.PathLike[str], filters: Filters
) -> tuple[list[LogicalRollout], list[UnreadableDirectory]]:
    """Find the rollouts whose names fit; the second part of a filter needs their heads."""
    scan = scan_store(
        home, active=filters.archived is not True, archived=filters.archived is not False
    )
    if not filters.look_at_names:
        return scan.rollouts, scan.unreadable
    return [found for found in scan.rollouts if filters.fit_name(found)], scan.unreadable


def lies_in(directory: str, above: str) -> bool:
    """Tell whether a directory is another or lies below it, by their names alone."""
    return directory == above or directory.startswith(above.rstrip("/") + "/")
