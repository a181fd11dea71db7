"""The few kernel facts everything rests on; standard library only.

``_identity`` and ``_processes`` name and find processes; ``_cgroup``, ``_user_scope``
and ``_containment`` hold a run together and end it; ``_spawn``, ``_wards`` and
``_guardian`` are its parent, and ``_at_any_rate`` ends it where that fails; ``_errand``
runs what a launch itself waits for, and ``_waits_in_vain`` looks at a git; ``_channel`` joins guardian and supervisor; ``_flock``,
``_file_lease`` and ``_durable`` guard files; ``_small_file`` reads one that somebody named,
``_regular_file`` one that anybody may have put there, and ``_toml`` what is in it.

Names are imported on first use: a command that only reads transcripts loads no
guardian, and the guardian loads little more than itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import import_on_use

if TYPE_CHECKING:
    from ._below import directory_below
    from ._cgroup import create_leaf, is_own_group, is_populated, own_cgroup, remove_leaf
    from ._channel import Channel, Message, open_channel_pair
    from ._containment import (
        RUN_ID_VARIABLE,
        Scope,
        discard_leaf,
        end,
        is_evidently_empty,
        kill_members,
        members,
        read_members,
        signal_members,
        wait_empty,
    )
    from ._custody import Custody, finish_lost_run
    from ._descriptors import descriptors_given, open_standard_descriptors
    from ._discard import discard_temporary
    from ._durable import fsync_directory, replace_file, write_all
    from ._end_wanted import EndSwitch, EndWanted, check_end, end_switch, pause
    from ._errand import Errands, LongWait, WaitsInVain, errands_of, run_errand
    from ._errors import BusyError, CallerError, CodexlabError, InternalError, OperatorError
    from ._file_lease import (
        LeaseAnswer,
        filesystem_type,
        has_coherent_leases,
        is_read_lease_unbroken,
        release_read_lease,
        take_read_lease,
    )
    from ._flock import flock_holders, open_lock_file, try_lock, unlock
    from ._fork_server import OrderedGuardian, fork_guardian, start_fork_server
    from ._frozen import frozen
    from ._git_environment import Reach, git_environment, trusted_directories
    from ._guarded import run_guarded
    from ._identity import (
        ProcessIdentity,
        ProcessStat,
        boot_id,
        identify,
        is_running,
        name_process,
        read_stat,
    )
    from ._leaf_limits import limit_leaf, read_counter
    from ._libc import (
        is_child_subreaper,
        rename_noreplace,
        set_child_subreaper,
        set_parent_death_signal,
    )
    from ._memory import proportional_bytes, resident_bytes
    from ._no_more import NoMore, is_no_more
    from ._noted_signals import FORWARDED
    from ._objects import parse_json_object
    from ._own_limits import take_back_own_limits
    from ._own_programs import find_own_program, is_own, own_search_path
    from ._ownership import (
        git_as_home_owner,
        git_trusts,
        give_named,
        give_to_owner_above,
        give_tree,
        is_ours,
        serves_another,
    )
    from ._process_group import ProcessGroup
    from ._processes import (
        all_stats,
        continue_stopped,
        descendants,
        open_pidfd,
        send_signal,
        wait_any_exit,
    )
    from ._regular_file import (
        NOT_REGULAR,
        open_regular,
        read_both_ends,
        read_regular,
        read_regular_if_any,
    )
    from ._small_file import read_small_file
    from ._started_with import hide_environment, hide_memory, hide_values_of
    from ._stopping import stop_members
    from ._tagged import tagged
    from ._terminal import (
        apply_settings,
        can_be_resumed,
        copy_size,
        is_foreground,
        make_raw,
        note_undoing,
        read_settings,
        restore_settings,
        show,
        terminal_number,
    )
    from ._toml import TomlError, decode_toml, parse_toml
    from ._too_wide import too_wide
    from ._tree import holds_files, remove_tree
    from ._unfinished import finish_events, finish_record
    from ._user_scope import ScopeRefused, enter_user_scope
    from ._waits_in_vain import waits_in_vain

__all__ = [
    "FORWARDED",
    "NOT_REGULAR",
    "RUN_ID_VARIABLE",
    "BusyError",
    "CallerError",
    "Channel",
    "CodexlabError",
    "Custody",
    "EndSwitch",
    "EndWanted",
    "Errands",
    "InternalError",
    "LeaseAnswer",
    "LongWait",
    "Message",
    "NoMore",
    "OperatorError",
    "OrderedGuardian",
    "ProcessGroup",
    "ProcessIdentity",
    "ProcessStat",
    "Reach",
    "Scope",
    "ScopeRefused",
    "TomlError",
    "WaitsInVain",
    "all_stats",
    "apply_settings",
    "boot_id",
    "can_be_resumed",
    "check_end",
    "continue_stopped",
    "copy_size",
    "create_leaf",
    "decode_toml",
    "descendants",
    "descriptors_given",
    "directory_below",
    "discard_leaf",
    "discard_temporary",
    "end",
    "end_switch",
    "enter_user_scope",
    "errands_of",
    "filesystem_type",
    "find_own_program",
    "finish_events",
    "finish_lost_run",
    "finish_record",
    "flock_holders",
    "fork_guardian",
    "frozen",
    "fsync_directory",
    "git_as_home_owner",
    "git_environment",
    "git_trusts",
    "give_named",
    "give_to_owner_above",
    "give_tree",
    "has_coherent_leases",
    "hide_environment",
    "hide_memory",
    "hide_values_of",
    "holds_files",
    "identify",
    "import_on_use",
    "is_child_subreaper",
    "is_evidently_empty",
    "is_foreground",
    "is_no_more",
    "is_ours",
    "is_own",
    "is_own_group",
    "is_populated",
    "is_read_lease_unbroken",
    "is_running",
    "kill_members",
    "limit_leaf",
    "make_raw",
    "members",
    "name_process",
    "note_undoing",
    "open_channel_pair",
    "open_lock_file",
    "open_pidfd",
    "open_regular",
    "open_standard_descriptors",
    "own_cgroup",
    "own_search_path",
    "parse_json_object",
    "parse_toml",
    "pause",
    "proportional_bytes",
    "read_both_ends",
    "read_counter",
    "read_members",
    "read_regular",
    "read_regular_if_any",
    "read_settings",
    "read_small_file",
    "read_stat",
    "release_read_lease",
    "remove_leaf",
    "remove_tree",
    "rename_noreplace",
    "replace_file",
    "resident_bytes",
    "restore_settings",
    "run_errand",
    "run_guarded",
    "send_signal",
    "serves_another",
    "set_child_subreaper",
    "set_parent_death_signal",
    "show",
    "signal_members",
    "start_fork_server",
    "stop_members",
    "tagged",
    "take_back_own_limits",
    "take_read_lease",
    "terminal_number",
    "too_wide",
    "trusted_directories",
    "try_lock",
    "unlock",
    "wait_any_exit",
    "wait_empty",
    "waits_in_vain",
    "write_all",
]

__getattr__ = import_on_use(
    __name__,
    {
        "_below": ("directory_below",),
        "_cgroup": ("create_leaf", "is_own_group", "is_populated", "own_cgroup", "remove_leaf"),
        "_channel": ("Channel", "Message", "open_channel_pair"),
        "_containment": (
            "RUN_ID_VARIABLE",
            "Scope",
            "discard_leaf",
            "end",
            "is_evidently_empty",
            "kill_members",
            "members",
            "read_members",
            "signal_members",
            "wait_empty",
        ),
        "_custody": ("Custody", "finish_lost_run"),
        "_descriptors": ("descriptors_given", "open_standard_descriptors"),
        "_discard": ("discard_temporary",),
        "_durable": ("fsync_directory", "replace_file", "write_all"),
        "_end_wanted": ("EndSwitch", "EndWanted", "check_end", "end_switch", "pause"),
        "_errand": ("Errands", "LongWait", "WaitsInVain", "errands_of", "run_errand"),
        "_errors": ("BusyError", "CallerError", "CodexlabError", "InternalError", "OperatorError"),
        "_file_lease": (
            "LeaseAnswer",
            "filesystem_type",
            "has_coherent_leases",
            "is_read_lease_unbroken",
            "release_read_lease",
            "take_read_lease",
        ),
        "_flock": ("flock_holders", "open_lock_file", "try_lock", "unlock"),
        "_fork_server": ("OrderedGuardian", "fork_guardian", "start_fork_server"),
        "_frozen": ("frozen",),
        "_git_environment": ("Reach", "git_environment", "trusted_directories"),
        "_guarded": ("run_guarded",),
        "_identity": (
            "ProcessIdentity",
            "ProcessStat",
            "boot_id",
            "identify",
            "is_running",
            "name_process",
            "read_stat",
        ),
        "_leaf_limits": ("limit_leaf", "read_counter"),
        "_libc": (
            "is_child_subreaper",
            "rename_noreplace",
            "set_child_subreaper",
            "set_parent_death_signal",
        ),
        "_memory": ("proportional_bytes", "resident_bytes"),
        "_no_more": ("NoMore", "is_no_more"),
        "_noted_signals": ("FORWARDED",),
        "_objects": ("parse_json_object",),
        "_own_limits": ("take_back_own_limits",),
        "_own_programs": ("find_own_program", "is_own", "own_search_path"),
        "_ownership": (
            "git_as_home_owner",
            "git_trusts",
            "give_named",
            "give_to_owner_above",
            "give_tree",
            "is_ours",
            "serves_another",
        ),
        "_process_group": ("ProcessGroup",),
        "_processes": (
            "all_stats",
            "continue_stopped",
            "descendants",
            "open_pidfd",
            "send_signal",
            "wait_any_exit",
        ),
        "_regular_file": (
            "NOT_REGULAR",
            "open_regular",
            "read_both_ends",
            "read_regular",
            "read_regular_if_any",
        ),
        "_small_file": ("read_small_file",),
        "_started_with": ("hide_environment", "hide_memory", "hide_values_of"),
        "_stopping": ("stop_members",),
        "_tagged": ("tagged",),
        "_terminal": (
            "apply_settings",
            "can_be_resumed",
            "copy_size",
            "is_foreground",
            "make_raw",
            "note_undoing",
            "read_settings",
            "restore_settings",
            "show",
            "terminal_number",
        ),
        "_toml": ("TomlError", "decode_toml", "parse_toml"),
        "_too_wide": ("too_wide",),
        "_tree": ("holds_files", "remove_tree"),
        "_unfinished": ("finish_events", "finish_record"),
        "_user_scope": ("ScopeRefused", "enter_user_scope"),
        "_waits_in_vain": ("waits_in_vain",),
    },
)
