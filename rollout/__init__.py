"""Transcripts of agents: find, read, lease, compress, materialize, verify.

:class:`RolloutStore` is the handle on the rollouts of one codex home. Names are imported on
first use, so that a program pays only for those that it asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel.lazy import import_on_use

if TYPE_CHECKING:
    from .catalog.conversation import ConversationLine, read_conversation, read_history
    from .catalog.filters import Filters
    from .catalog.listing import BadCursorError, ListPage, Order
    from .catalog.lookup import AmbiguousThreadError, NoSuchThreadError, find_thread
    from .catalog.pieces import Cut, History, Pieces, Stretch, history_of
    from .catalog.threads import ListEntry
    from .codec.decode import BeyondMeasureError, DamagedFrameError
    from .compression.candidate import CompressOptions
    from .locks.store import SweeperBusyError
    from .locks.thread import CoordinationBusyError, LockDirectoryError, ThreadBusyError
    from .maintenance.findings import Finding, Problem
    from .maintenance.sweep import SweepOptions
    from .operations.handle import NotARolloutError
    from .operations.result import Outcome, Result
    from .reading.entries import CONVERSATION, Entry, Role
    from .reading.lines import Line, LineFault, iter_lines
    from .reading.session_meta import SessionMeta, SessionMetaError, read_session_meta
    from .reading.snapshot import (
        NoSuchRolloutError,
        NotARolloutFileError,
        RolloutSnapshot,
        open_snapshot,
    )
    from .reconcile.append import NotALineError
    from .reconcile.materialize import DisagreementError
    from .rollout_store import RolloutStore
    from .search.match import SearchedRollout, SearchHit
    from .search.query import BadPatternError, Query, make_query
    from .search.search import SearchBroken
    from .store.names import RolloutForm
    from .store.rollout_ref import RolloutRef
    from .store.scan import StoreScan

__all__ = [
    "CONVERSATION",
    "AmbiguousThreadError",
    "BadCursorError",
    "BadPatternError",
    "BeyondMeasureError",
    "CompressOptions",
    "ConversationLine",
    "CoordinationBusyError",
    "Cut",
    "DamagedFrameError",
    "DisagreementError",
    "Entry",
    "Filters",
    "Finding",
    "History",
    "Line",
    "LineFault",
    "ListEntry",
    "ListPage",
    "LockDirectoryError",
    "NoSuchRolloutError",
    "NoSuchThreadError",
    "NotALineError",
    "NotARolloutError",
    "NotARolloutFileError",
    "Order",
    "Outcome",
    "Pieces",
    "Problem",
    "Query",
    "Result",
    "Role",
    "RolloutForm",
    "RolloutRef",
    "RolloutSnapshot",
    "RolloutStore",
    "SearchBroken",
    "SearchHit",
    "SearchedRollout",
    "SessionMeta",
    "SessionMetaError",
    "StoreScan",
    "Stretch",
    "SweepOptions",
    "SweeperBusyError",
    "ThreadBusyError",
    "find_thread",
    "history_of",
    "iter_lines",
    "make_query",
    "open_snapshot",
    "read_conversation",
    "read_history",
    "read_session_meta",
]

_MODULES = {
    "catalog.conversation": ("ConversationLine", "read_conversation", "read_history"),
    "catalog.filters": ("Filters",),
    "catalog.listing": ("BadCursorError", "ListPage", "Order"),
    "catalog.lookup": ("AmbiguousThreadError", "NoSuchThreadError", "find_thread"),
    "catalog.pieces": ("Cut", "History", "Pieces", "Stretch", "history_of"),
    "catalog.threads": ("ListEntry",),
    "codec.decode": ("BeyondMeasureError", "DamagedFrameError"),
    "compression.candidate": ("CompressOptions",),
    "locks.store": ("SweeperBusyError",),
    "locks.thread": ("CoordinationBusyError", "LockDirectoryError", "ThreadBusyError"),
    "maintenance.findings": ("Finding", "Problem"),
    "maintenance.sweep": ("SweepOptions",),
    "operations.handle": ("NotARolloutError",),
    "operations.result": ("Outcome", "Result"),
    "reading.entries": ("CONVERSATION", "Entry", "Role"),
    "reading.lines": ("Line", "LineFault", "iter_lines"),
    "reading.session_meta": ("SessionMeta", "SessionMetaError", "read_session_meta"),
    "reading.snapshot": (
        "NoSuchRolloutError",
        "NotARolloutFileError",
        "RolloutSnapshot",
        "open_snapshot",
    ),
    "reconcile.append": ("NotALineError",),
    "reconcile.materialize": ("DisagreementError",),
    "rollout_store": ("RolloutStore",),
    "search.match": ("SearchHit", "SearchedRollout"),
    "search.query": ("BadPatternError", "Query", "make_query"),
    "search.search": ("SearchBroken",),
    "store.rollout_ref": ("RolloutRef",),
    "store.names": ("RolloutForm",),
    "store.scan": ("StoreScan",),
}

__getattr__ = import_on_use(__name__, _MODULES)
