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

from ..kernel import import_on_use

if TYPE_CHECKING:
    from ._append import NotALineError, append
    from ._calls import Calls
    from ._candidate import CompressOptions
    from ._compress import compress
    from ._conversation import ConversationLine, read_conversation, read_history
    from ._decode import BeyondMeasureError, DamagedFrameError
    from ._directory import LogicalRollout
    from ._entries import CONVERSATION, Entry, Role, entries_of, entry_of
    from ._excerpts import Excerpt
    from ._heads import RolloutHead, head_of, read_head
    from ._holders import Holder
    from ._listing import (
        BadCursorError,
        ListPage,
        Order,
        list_rollouts,
    )
    from ._lookup import (
        AmbiguousThreadError,
        NoSuchThreadError,
        find_thread,
        newest_by_thread,
        resolve_rollout,
        rollout_at,
        rollouts_named,
    )
    from ._materialize import DisagreementError, materialize, restore
    from ._meta import (
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
    from ._names import RolloutForm, RolloutName, is_thread_id, parse_rollout_name
    from ._needle import needle_of
    from ._pair import settle_pair
    from ._pieces import Cut, History, Pieces, Stretch, ThreadFiles, began, history_of
    from ._places import NotARolloutError, Places, Subject, find_places
    from ._query import BadPatternError, Query, make_query
    from ._reader import Line, LineFault, iter_lines, iter_lines_reversed
    from ._records import parse_record
    from ._recover import recover
    from ._result import Outcome, Result
    from ._ripgrep_walk import RipgrepWalk
    from ._search import SearchBroken, search_rollouts
    from ._search_one import SearchedRollout, SearchHit
    from ._select import Filters, select_files, select_rollouts
    from ._settle import SettleOptions, settle
    from ._snapshot import NoSuchRolloutError, NotARolloutFileError, RolloutSnapshot, open_snapshot
    from ._stats import StoreStats, Trial, Usage, choose_sample, measure, try_compression
    from ._store import StoreScan, UnreadableDirectory, scan_store
    from ._sweep import SweepOptions, sweep
    from ._sweeper import SweeperBusyError
    from ._swept import seconds_since_sweep
    from ._thread_lease import (
        CoordinationBusyError,
        LockDirectoryError,
        ThreadBusyError,
        ThreadLease,
        ThreadLocks,
    )
    from ._threads import ListEntry
    from ._titles import first_prompt, thread_names, title_of
    from ._two_places import tidy_twins
    from ._verify import (
        Finding,
        Problem,
        repair,
        verify_directories,
        verify_kept,
        verify_places,
        verify_rollout,
        verify_temporaries,
    )

__all__ = [
    "CONVERSATION",
    "AmbiguousThreadError",
    "BadCursorError",
    "BadPatternError",
    "BeyondMeasureError",
    "Calls",
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
    "Places",
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
    "find_places",
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
    "_append": (
        "NotALineError",
        "append",
    ),
    "_calls": ("Calls",),
    "_candidate": ("CompressOptions",),
    "_compress": ("compress",),
    "_conversation": (
        "ConversationLine",
        "read_conversation",
        "read_history",
    ),
    "_decode": ("BeyondMeasureError", "DamagedFrameError"),
    "_directory": ("LogicalRollout",),
    "_entries": (
        "CONVERSATION",
        "Entry",
        "Role",
        "entries_of",
        "entry_of",
    ),
    "_excerpts": ("Excerpt",),
    "_heads": (
        "RolloutHead",
        "head_of",
        "read_head",
    ),
    "_holders": ("Holder",),
    "_listing": (
        "BadCursorError",
        "ListPage",
        "Order",
        "list_rollouts",
    ),
    "_lookup": (
        "AmbiguousThreadError",
        "NoSuchThreadError",
        "find_thread",
        "newest_by_thread",
        "resolve_rollout",
        "rollout_at",
        "rollouts_named",
    ),
    "_materialize": (
        "DisagreementError",
        "materialize",
        "restore",
    ),
    "_meta": (
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
    "_names": (
        "RolloutForm",
        "RolloutName",
        "is_thread_id",
        "parse_rollout_name",
    ),
    "_needle": ("needle_of",),
    "_pair": ("settle_pair",),
    "_pieces": (
        "Cut",
        "History",
        "Pieces",
        "Stretch",
        "ThreadFiles",
        "began",
        "history_of",
    ),
    "_places": (
        "NotARolloutError",
        "Places",
        "Subject",
        "find_places",
    ),
    "_query": (
        "BadPatternError",
        "Query",
        "make_query",
    ),
    "_reader": (
        "Line",
        "LineFault",
        "iter_lines",
        "iter_lines_reversed",
    ),
    "_records": ("parse_record",),
    "_recover": ("recover",),
    "_result": (
        "Outcome",
        "Result",
    ),
    "_ripgrep_walk": ("RipgrepWalk",),
    "_search": ("SearchBroken", "search_rollouts"),
    "_search_one": (
        "SearchHit",
        "SearchedRollout",
    ),
    "_select": (
        "Filters",
        "select_files",
        "select_rollouts",
    ),
    "_settle": (
        "SettleOptions",
        "settle",
    ),
    "_snapshot": (
        "NoSuchRolloutError",
        "NotARolloutFileError",
        "RolloutSnapshot",
        "open_snapshot",
    ),
    "_stats": (
        "StoreStats",
        "Trial",
        "Usage",
        "choose_sample",
        "measure",
        "try_compression",
    ),
    "_store": (
        "StoreScan",
        "UnreadableDirectory",
        "scan_store",
    ),
    "_sweep": (
        "SweepOptions",
        "sweep",
    ),
    "_sweeper": ("SweeperBusyError",),
    "_swept": ("seconds_since_sweep",),
    "_thread_lease": (
        "CoordinationBusyError",
        "LockDirectoryError",
        "ThreadBusyError",
        "ThreadLease",
        "ThreadLocks",
    ),
    "_threads": ("ListEntry",),
    "_titles": (
        "first_prompt",
        "thread_names",
        "title_of",
    ),
    "_two_places": ("tidy_twins",),
    "_verify": (
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
