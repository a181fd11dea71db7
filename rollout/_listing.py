"""List rollouts in an order with no ties, page by page.

Pages are cut by key, not by count: a cursor names the last rollout shown, and the
next page holds what comes behind that name. Rollouts made or removed between two
pages neither repeat nor hide others, also within one second. Ordered by change,
a rollout that changed meanwhile moves to the front and may be shown twice.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

from ..kernel import CallerError, frozen
from ._directory import LogicalRollout
from ._heads import HeadReader, RolloutHead
from ._names import RolloutForm, parse_rollout_name
from ._select import Filters, select_rollouts
from ._store import UnreadableDirectory

_ARCHIVED = "@archived"
_Key = tuple[int, str, bool]
_by_name = attrgetter("name.plain_name")


class Order(StrEnum):
    """What a listing is ordered by, newest first."""

    CREATED = "created"
    UPDATED = "updated"


class BadCursorError(CallerError):
    """A cursor that no listing in this order gave.

    :param cursor: what was given.
    """

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        super().__init__(
            f"{cursor!r} is no cursor: expected the `next` of a page listed in the same order"
        )


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One rollout of a page, and its head."""

    rollout: LogicalRollout
    head: RolloutHead


@frozen
class ListPage:
    """Some rollouts, newest first.

    :param entries: at most as many as asked for.
    :param next: cursor of the next page, None when this is the last.
    :param unreadable: directories that could not be read and are missing here.
    """

    entries: list[ListEntry]
    next: str | None
    unreadable: list[UnreadableDirectory]


def list_rollouts(
    home: str | os.PathLike[str],
    filters: Filters | None = None,
    *,
    order: Order = Order.CREATED,
    limit: int | None = None,
    cursor: str | None = None,
) -> ListPage:
    """List the rollouts of a home, newest first, in either form.

    :param limit: most entries of a page; None for all.
    :param cursor: the ``next`` of the page before.
    :raises BadCursorError: the cursor is none, or of another order.
    """
    with _collector_paused():
        return _list(home, filters or Filters(), order, limit, cursor)


def _list(
    home: str | os.PathLike[str],
    wanted: Filters,
    order: Order,
    limit: int | None,
    cursor: str | None,
) -> ListPage:
    found, unreadable = select_rollouts(home, wanted)
    key = _created_key if order is Order.CREATED else _updated_key
    # A scan gives the active one of two equal names first, and sorting keeps that.
    found.sort(key=_by_name if order is Order.CREATED else key, reverse=True)
    if cursor is not None:
        behind = _parse_cursor(cursor, order)
        found = [rollout for rollout in found if key(rollout) < behind]
    entries: list[ListEntry] = []
    with HeadReader() as heads:
        for rollout in found:
            head = heads.read(rollout)
            if wanted.cwd is None or wanted.fit_head(head):
                if len(entries) == limit:
                    return ListPage(entries, _cursor_of(entries[-1], order), unreadable)
                entries.append(ListEntry(rollout, head))
    return ListPage(entries, None, unreadable)


@contextmanager
def _collector_paused() -> Generator[None]:
    """Spare the collector from going through ever more objects, none of them garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _created_key(rollout: LogicalRollout) -> _Key:
    # A name begins with its time; what follows decides within one second.
    return (0, rollout.name.plain_name, not rollout.archived)


def _updated_key(rollout: LogicalRollout) -> _Key:
    return (_mtime(rollout), rollout.name.plain_name, not rollout.archived)


def _mtime(rollout: LogicalRollout) -> int:
    for path in (rollout.path, rollout.compressed_path, rollout.path):
        try:
            return os.stat(path).st_mtime_ns
        except OSError:
            continue
    return 0


def _cursor_of(entry: ListEntry, order: Order) -> str:
    place = _ARCHIVED if entry.rollout.archived else ""
    name = entry.rollout.name.plain_name + place
    return name if order is Order.CREATED else f"{_mtime(entry.rollout)}:{name}"


def _parse_cursor(cursor: str, order: Order) -> _Key:
    changed, colon, rest = cursor.rpartition(":")
    name = parse_rollout_name(rest.removesuffix(_ARCHIVED))
    digits = changed.removeprefix("-")  # a file's time may lie before 1970
    dated = digits.isdecimal() and digits.isascii()
    if name is None or name.form is not RolloutForm.PLAIN:
        raise BadCursorError(cursor)
    if (bool(colon), dated) != (order is Order.UPDATED, order is Order.UPDATED):
        raise BadCursorError(cursor)
    return (int(changed or 0), name.plain_name, not rest.endswith(_ARCHIVED))
