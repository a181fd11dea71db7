"""Transcripts of agents: find, read, lease, compress, materialize, verify.

A *logical rollout* is named by its plain path; on disk it is ``.jsonl``,
``.jsonl.zst``, or both while changing. Below this page::

    find    _names _directory _store      names, and scans that miss nothing
            _lookup _state _select _moments    one by id or path; those wanted; when they began
            _pieces _threads _listing     files of one thread; threads in order; pages of many
    read    _snapshot _plain_bytes _decoded_bytes _reader    bytes and lines, past damage
            _meta _heads _titles _records _messages _entries _conversation    what they say
            _needle _query _candidate_lines _plain_positions    what may match
            _roots _ripgrep_run _ripgrep_walk _ripgrep    who else looks for it
            _search _search_one _in_order _excerpts    text in any of them
            _stats                        what they take, what could be saved
    hold    _thread_lease _holders _sweeper _places    codex's locks, and who has what open
    change  _decide                       every decision, without I/O
            _candidate _encode _compress _publish    a frame takes its file's place
            _manifest* _settle _proof _salvage _pair _recover    what is kept, and what a crash left
            _append _materialize          back to plain
            _sweep _swept _verify         a whole store
    edges   _calls _frames _decode _compare _observe _attributes

Names are imported on first use, so that a launch pays only for what it asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel.lazy import import_on_use

if TYPE_CHECKING:
    from .catalog.conversation import ConversationLine, read_conversation, read_history
    from .catalog.filters import Filters, select_files, select_rollouts
    from .catalog.listing import (
        BadCursorError,
        ListPage,
        Order,
        list_rollouts,
    )
    from .catalog.lookup import (
        AmbiguousThreadError,
        NoSuchThreadError,
        find_thread,
        newest_by_thread,
        resolve_rollout,
        rollout_at,
        rollouts_named,
    )
    from .catalog.pieces import Cut, History, Pieces, Stretch, ThreadFiles, began, history_of
    from .catalog.threads import ListEntry
    from .catalog.titles import first_prompt, thread_names, title_of
    from .codec.decode import BeyondMeasureError, DamagedFrameError
    from .compression.candidate import CompressOptions
    from .compression.compress import compress
    from .locks.holders import Holder
    from .locks.layout import NotARolloutError, StoreLayout, Subject, find_store_layout
    from .locks.store import SweeperBusyError
    from .locks.sweep_marker import seconds_since_sweep
    from .locks.thread import (
        CoordinationBusyError,
        LockDirectoryError,
        ThreadBusyError,
        ThreadLease,
        ThreadLocks,
    )
    from .maintenance.duplicates import tidy_twins
    from .maintenance.sweep import SweepOptions, sweep
    from .maintenance.usage import StoreStats, Trial, Usage, choose_sample, measure, try_compression
    from .maintenance.verify import (
        Finding,
        Problem,
        repair,
        verify_directories,
        verify_kept,
        verify_places,
        verify_rollout,
        verify_temporaries,
    )
    from .operations.file_ops import FileOps
    from .operations.result import Outcome, Result
    from .reading.entries import CONVERSATION, Entry, Role, entries_of, entry_of
    from .reading.heads import RolloutHead, head_of, read_head
    from .reading.lines import Line, LineFault, iter_lines, iter_lines_reversed
    from .reading.records import parse_record
    from .reading.session_meta import (
        DamagedHeadError,
        EmptyRolloutError,
        MetaNotFirstError,
        MetaTooFarError,
        SessionMeta,
        SessionMetaError,
        UnknownHistoryModeError,
        read_session_meta,
        session_meta_of,
    )
    from .reading.snapshot import (
        NoSuchRolloutError,
        NotARolloutFileError,
        RolloutSnapshot,
        open_snapshot,
    )
    from .reconcile.append import NotALineError, append
    from .reconcile.materialize import DisagreementError, materialize, restore
    from .reconcile.pair import settle_pair
    from .reconcile.recover import recover
    from .reconcile.retired import SettleOptions, settle
    from .search.excerpts import Excerpt
    from .search.literal import needle_of
    from .search.match import SearchedRollout, SearchHit
    from .search.query import BadPatternError, Query, make_query
    from .search.ripgrep_walk import RipgrepWalk
    from .search.search import SearchBroken, search_rollouts
    from .store.directory import LogicalRollout
    from .store.names import RolloutForm, RolloutName, is_thread_id, parse_rollout_name
    from .store.scan import StoreScan, UnreadableDirectory, scan_store

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
    "DamagedHeadError",
    "DisagreementError",
    "EmptyRolloutError",
    "Entry",
    "Excerpt",
    "FileOps",
    "Filters",
    "Finding",
    "History",
    "Holder",
    "Line",
    "LineFault",
    "ListEntry",
    "ListPage",
    "LockDirectoryError",
    "LogicalRollout",
    "MetaNotFirstError",
    "MetaTooFarError",
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
    "RipgrepWalk",
    "Role",
    "RolloutForm",
    "RolloutHead",
    "RolloutName",
    "RolloutSnapshot",
    "SearchBroken",
    "SearchHit",
    "SearchedRollout",
    "SessionMeta",
    "SessionMetaError",
    "SettleOptions",
    "StoreLayout",
    "StoreScan",
    "StoreStats",
    "Stretch",
    "Subject",
    "SweepOptions",
    "SweeperBusyError",
    "ThreadBusyError",
    "ThreadFiles",
    "ThreadLease",
    "ThreadLocks",
    "Trial",
    "UnknownHistoryModeError",
    "UnreadableDirectory",
    "Usage",
    "append",
    "began",
    "choose_sample",
    "compress",
    "entries_of",
    "entry_of",
    "find_store_layout",
    "find_thread",
    "first_prompt",
    "head_of",
    "history_of",
    "is_thread_id",
    "iter_lines",
    "iter_lines_reversed",
    "list_rollouts",
    "make_query",
    "materialize",
    "measure",
    "needle_of",
    "newest_by_thread",
    "open_snapshot",
    "parse_record",
    "parse_rollout_name",
    "read_conversation",
    "read_head",
    "read_history",
    "read_session_meta",
    "recover",
    "repair",
    "resolve_rollout",
    "restore",
    "rollout_at",
    "rollouts_named",
    "scan_store",
    "search_rollouts",
    "seconds_since_sweep",
    "select_files",
    "select_rollouts",
    "session_meta_of",
    "settle",
    "settle_pair",
    "sweep",
    "thread_names",
    "tidy_twins",
    "title_of",
    "try_compression",
    "verify_directories",
    "verify_kept",
    "verify_places",
    "verify_rollout",
    "verify_temporaries",
]

_MODULES = {
    "reconcile.append": (
        "NotALineError",
        "append",
    ),
    "operations.file_ops": ("FileOps",),
    "compression.candidate": ("CompressOptions",),
    "compression.compress": ("compress",),
    "catalog.conversation": (
        "ConversationLine",
        "read_conversation",
        "read_history",
    ),
    "codec.decode": ("BeyondMeasureError", "DamagedFrameError"),
    "store.directory": ("LogicalRollout",),
    "reading.entries": (
        "CONVERSATION",
        "Entry",
        "Role",
        "entries_of",
        "entry_of",
    ),
    "search.excerpts": ("Excerpt",),
    "reading.heads": (
        "RolloutHead",
        "head_of",
        "read_head",
    ),
    "locks.holders": ("Holder",),
    "catalog.listing": (
        "BadCursorError",
        "ListPage",
        "Order",
        "list_rollouts",
    ),
    "catalog.lookup": (
        "AmbiguousThreadError",
        "NoSuchThreadError",
        "find_thread",
        "newest_by_thread",
        "resolve_rollout",
        "rollout_at",
        "rollouts_named",
    ),
    "reconcile.materialize": (
        "DisagreementError",
        "materialize",
        "restore",
    ),
    "reading.session_meta": (
        "DamagedHeadError",
        "EmptyRolloutError",
        "MetaNotFirstError",
        "MetaTooFarError",
        "SessionMeta",
        "SessionMetaError",
        "UnknownHistoryModeError",
        "read_session_meta",
        "session_meta_of",
    ),
    "store.names": (
        "RolloutForm",
        "RolloutName",
        "is_thread_id",
        "parse_rollout_name",
    ),
    "search.literal": ("needle_of",),
    "reconcile.pair": ("settle_pair",),
    "catalog.pieces": (
        "Cut",
        "History",
        "Pieces",
        "Stretch",
        "ThreadFiles",
        "began",
        "history_of",
    ),
    "locks.layout": (
        "NotARolloutError",
        "StoreLayout",
        "Subject",
        "find_store_layout",
    ),
    "search.query": (
        "BadPatternError",
        "Query",
        "make_query",
    ),
    "reading.lines": (
        "Line",
        "LineFault",
        "iter_lines",
        "iter_lines_reversed",
    ),
    "reading.records": ("parse_record",),
    "reconcile.recover": ("recover",),
    "operations.result": (
        "Outcome",
        "Result",
    ),
    "search.ripgrep_walk": ("RipgrepWalk",),
    "search.search": ("SearchBroken", "search_rollouts"),
    "search.match": (
        "SearchHit",
        "SearchedRollout",
    ),
    "catalog.filters": (
        "Filters",
        "select_files",
        "select_rollouts",
    ),
    "reconcile.retired": (
        "SettleOptions",
        "settle",
    ),
    "reading.snapshot": (
        "NoSuchRolloutError",
        "NotARolloutFileError",
        "RolloutSnapshot",
        "open_snapshot",
    ),
    "maintenance.usage": (
        "StoreStats",
        "Trial",
        "Usage",
        "choose_sample",
        "measure",
        "try_compression",
    ),
    "store.scan": (
        "StoreScan",
        "UnreadableDirectory",
        "scan_store",
    ),
    "maintenance.sweep": (
        "SweepOptions",
        "sweep",
    ),
    "locks.store": ("SweeperBusyError",),
    "locks.sweep_marker": ("seconds_since_sweep",),
    "locks.thread": (
        "CoordinationBusyError",
        "LockDirectoryError",
        "ThreadBusyError",
        "ThreadLease",
        "ThreadLocks",
    ),
    "catalog.threads": ("ListEntry",),
    "catalog.titles": (
        "first_prompt",
        "thread_names",
        "title_of",
    ),
    "maintenance.duplicates": ("tidy_twins",),
    "maintenance.verify": (
        "Finding",
        "Problem",
        "repair",
        "verify_directories",
        "verify_kept",
        "verify_places",
        "verify_rollout",
        "verify_temporaries",
    ),
}

__getattr__ = import_on_use(__name__, _MODULES)
