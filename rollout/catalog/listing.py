"""List threads in an order with no ties, page by page.

Pages are cut by key, not by count: a cursor names the last thread shown, and the
next page holds what comes behind it. Rollouts made or removed between two pages
neither repeat nor hide others, also within one second. Ordered by change, a rollout
that changed meanwhile moves to the front and may be shown twice.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from enum import StrEnum

from ...kernel.errors import CallerError
from ...kernel.values import frozen
from ..reading.heads import HeadReader
from ..reading.moments import is_moment, local_as_utc
from ..store.names import RolloutForm, parse_rollout_name
from ..store.scan import UnreadableDirectory
from .filters import Filters, is_subagent
from .pieces import ThreadFiles
from .threads import Key, ListEntry, Threads, moment_of_thread

_ARCHIVED = "@archived"
# How many threads of subagents a page may hold for each of a user's own.
_COMPANY = 10


class Order(StrEnum):
    """The order of a listing, newest first."""

    CREATED = "created"
    UPDATED = "updated"


class BadCursorError(CallerError):
    """A cursor that no listing in this order gave.

    :param cursor: what was given.
    """

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        super().__init__(
            f"{cursor!r} is not a cursor: expected the `next` of a page listed in the same order"
        )


@frozen
class ListPage:
    """Some threads, newest first.

    :param entries: at most as many as asked for.
    :param next: cursor of the next page, None when this is the last.
    :param unreadable: directories that could not be read and are missing here.
    :param several: the threads of the home that have several files, by their ids.
    """

    entries: list[ListEntry]
    next: str | None
    unreadable: list[UnreadableDirectory]
    several: dict[str, ThreadFiles]

    def began(self, entry: ListEntry) -> str:
        """Return when an entry's thread began, as codex writes times."""
        return moment_of_thread(entry, self.several)


def list_rollouts(
    home: str | os.PathLike[str],
    filters: Filters | None = None,
    *,
    order: Order = Order.CREATED,
    limit: int | None = None,
    cursor: str | None = None,
    with_subagents: bool = False,
) -> ListPage:
    """List the threads of a home, newest first, in either form.

    A thread that has several files is one entry: the file in which it goes on.

    :param limit: most entries of a page; None for all.
    :param cursor: the ``next`` of the page before.
    :param with_subagents: ``limit`` counts users' own threads alone. Those of subagents
        come along, at most ten for each, and so crowd out no thread of a user.
    :raises BadCursorError: the cursor is none, or of another order.
    """
    behind = None if cursor is None else _parse_cursor(cursor, order)
    with _collector_paused(), HeadReader() as heads:
        threads = Threads(home, filters or Filters(), heads)
        if order is Order.UPDATED:
            entries: Iterable[ListEntry] = threads.by_change(behind)
        elif limit is None and behind is None:
            entries = threads.all_by_moment()
        else:
            entries = threads.by_moment(behind)
        shown, more = _take(entries, limit, with_subagents)
        following = _cursor_of(threads, shown[-1], order) if more else None
        return ListPage(shown, following, threads.unreadable, threads.several)


def _take(
    entries: Iterable[ListEntry], limit: int | None, with_subagents: bool
) -> tuple[list[ListEntry], bool]:
    """Take a page; the second part tells whether there are more."""
    if limit is None:
        return list(entries), False
    taken: list[ListEntry] = []
    own, most = 0, limit * (1 + _COMPANY) if with_subagents else limit
    for entry in entries:
        own += not (with_subagents and is_subagent(entry.head))
        if own > limit or len(taken) == most:
            return taken, True
        taken.append(entry)
    return taken, False


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


def _cursor_of(threads: Threads, entry: ListEntry, order: Order) -> str:
    created = order is Order.CREATED
    key = threads.key_by_moment(entry) if created else threads.key_by_change(entry)
    name = key[1] + ("" if key[2] else _ARCHIVED)
    return f"{key[0]}/{name}" if created else f"{key[0]}:{name}"


def _parse_cursor(cursor: str, order: Order) -> Key:
    created = order is Order.CREATED
    time, mark, rest = cursor.rpartition("/" if created else ":")
    name = parse_rollout_name(rest.removesuffix(_ARCHIVED))
    if name is None or name.form is not RolloutForm.PLAIN:
        raise BadCursorError(cursor)
    last = (name.plain_name, not rest.endswith(_ARCHIVED))
    if created and not mark:
        return (local_as_utc(name.timestamp), *last)
    digits = time.removeprefix("-")  # a file's time may lie before 1970
    if not (is_moment(time) if created else digits.isdecimal() and digits.isascii()):
        raise BadCursorError(cursor)
    return (time if created else int(time), *last)
