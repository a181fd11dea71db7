"""The issue's directory: claim it, prepare or reuse it, heal it, collect it.

A launch calls, in this order and from one thread::

    paths = locate_workspace(root, key)
    plan = choose_workdir(inspect_start(cwd), paths)    # reads only: --dry-run ends here
    claim = claim_workspace(paths, key)                 # then end survivors of claim.previous
    workdir = prepare_workdir(claim, plan)              # and those of workdir.previous
    claim.write_owner(record)
    heal_codex_home(paths, shared_home)
    ...                                                 # hold all of claim.lock_fds meanwhile
    claim.release()                                     # after emptiness was read; else .close()

::

    _paths          from a key to names and places, pure; _root whether one may hold them
    _start          where a launch was started from, read from git's files
    _project        a project's default name
    _claim          the lock, owner.json (_held), and directories of others
    _plan           which directory the agent will work in
    _workdir        make it, or take it up again; _branch which branch that is on
    _after_create   whether that hook is still owed to it
    _home           heal a codex-home (_links, _stores, _shared_files, _offered, _credentials, _config*,
                    _home_*, _state_seed)
    _expose         one thread of the shared store in a home with its own
    _state_rows     what codex's own index says of a thread, where it is outdated (_state_copy)
    _cache          repositories given by URL; _context the files given to a task (_pieces)
    _witness        what our state directory says of a workspace, whose own records its agent can
                    write: the last run, where that worked (_used), how it builds
    _threads        the agent's threads; _runs the records of past runs
    _git_state      what a run did to the very checkout it began in (_held_checkout); _stale_locks what a killed git left locked
    _hand_over      what root made is its home's owner's
    upkeep          a package of its own: survey, collect, remove
    _dirs _tree _git _repository _state_dir   the edges: descriptors, git, locks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel import import_on_use

if TYPE_CHECKING:
    from ._after_create import note_after_create, owes_after_create
    from ._claim import Claim, claim_workspace
    from ._context import ContextRefused, place_context
    from ._dirs import open_below
    from ._errors import (
        BadKey,
        BranchTaken,
        ForeignWorkspace,
        GitFailed,
        HomeRefused,
        PathRefused,
        RepositoryBusy,
        WorkdirRefused,
        WorkspaceBusy,
    )
    from ._expose import expose_rollout
    from ._git_pointers import (
        Pointers,
        keep_pointers,
        kept_pointers,
        restore_left,
        restore_pointers,
    )
    from ._git_state import GitState, git_state, recorded_git_dir
    from ._git_view import passing_views
    from ._hand_over import hand_over
    from ._held_checkout import HeldCheckout, hold_checkout
    from ._home import GitWrite, git_write_for, heal_codex_home, mend_codex_home
    from ._home_config import foresee_config
    from ._home_report import HealReport
    from ._machine import is_this_machine, pid_namespace
    from ._owner import OwnerRecord, encode_owner, parse_owner
    from ._paths import WorkspaceKey, WorkspacePaths, directory_name, locate_workspace
    from ._plan import WorkdirPlan, choose_workdir
    from ._project import default_project, read_origin
    from ._root import RootTooWide, check_root
    from ._runs import make_run_directory, prune_runs
    from ._stale_locks import set_locks_aside, stale_locks
    from ._start import Start, inspect_start
    from ._state_dir import state_directory
    from ._state_rows import ThreadFile, forget_outdated
    from ._threads import (
        ThreadEntry,
        ThreadLog,
        forget_thread,
        known_cargo_key,
        read_threads,
        record_thread,
        settle_cargo_key,
        stored_cargo_key,
    )
    from ._used import directory_used
    from ._witness import Witness, look_up, read_witness, witness_path
    from ._workdir import Workdir, prepare_workdir

__all__ = [
    "BadKey",
    "BranchTaken",
    "Claim",
    "ContextRefused",
    "ForeignWorkspace",
    "GitFailed",
    "GitState",
    "GitWrite",
    "HealReport",
    "HeldCheckout",
    "HomeRefused",
    "OwnerRecord",
    "PathRefused",
    "Pointers",
    "RepositoryBusy",
    "RootTooWide",
    "Start",
    "ThreadEntry",
    "ThreadFile",
    "ThreadLog",
    "Witness",
    "Workdir",
    "WorkdirPlan",
    "WorkdirRefused",
    "WorkspaceBusy",
    "WorkspaceKey",
    "WorkspacePaths",
    "check_root",
    "choose_workdir",
    "claim_workspace",
    "default_project",
    "directory_name",
    "directory_used",
    "encode_owner",
    "expose_rollout",
    "foresee_config",
    "forget_outdated",
    "forget_thread",
    "git_state",
    "git_write_for",
    "hand_over",
    "heal_codex_home",
    "hold_checkout",
    "inspect_start",
    "is_this_machine",
    "keep_pointers",
    "kept_pointers",
    "known_cargo_key",
    "locate_workspace",
    "look_up",
    "make_run_directory",
    "mend_codex_home",
    "note_after_create",
    "open_below",
    "owes_after_create",
    "parse_owner",
    "passing_views",
    "pid_namespace",
    "place_context",
    "prepare_workdir",
    "prune_runs",
    "read_origin",
    "read_threads",
    "read_witness",
    "record_thread",
    "recorded_git_dir",
    "restore_left",
    "restore_pointers",
    "set_locks_aside",
    "settle_cargo_key",
    "stale_locks",
    "state_directory",
    "stored_cargo_key",
    "witness_path",
]

__getattr__ = import_on_use(
    __name__,
    {
        "_after_create": (
            "note_after_create",
            "owes_after_create",
        ),
        "_claim": (
            "Claim",
            "claim_workspace",
        ),
        "_context": (
            "ContextRefused",
            "place_context",
        ),
        "_dirs": ("open_below",),
        "_errors": (
            "BadKey",
            "BranchTaken",
            "ForeignWorkspace",
            "GitFailed",
            "HomeRefused",
            "PathRefused",
            "RepositoryBusy",
            "WorkdirRefused",
            "WorkspaceBusy",
        ),
        "_expose": ("expose_rollout",),
        "_git_pointers": (
            "Pointers",
            "keep_pointers",
            "kept_pointers",
            "restore_left",
            "restore_pointers",
        ),
        "_git_state": (
            "GitState",
            "git_state",
            "recorded_git_dir",
        ),
        "_git_view": ("passing_views",),
        "_hand_over": ("hand_over",),
        "_held_checkout": (
            "HeldCheckout",
            "hold_checkout",
        ),
        "_home": (
            "GitWrite",
            "git_write_for",
            "heal_codex_home",
            "mend_codex_home",
        ),
        "_home_config": ("foresee_config",),
        "_home_report": ("HealReport",),
        "_machine": ("is_this_machine", "pid_namespace"),
        "_owner": (
            "OwnerRecord",
            "encode_owner",
            "parse_owner",
        ),
        "_paths": (
            "WorkspaceKey",
            "WorkspacePaths",
            "directory_name",
            "locate_workspace",
        ),
        "_plan": (
            "WorkdirPlan",
            "choose_workdir",
        ),
        "_project": (
            "default_project",
            "read_origin",
        ),
        "_root": (
            "RootTooWide",
            "check_root",
        ),
        "_runs": ("make_run_directory", "prune_runs"),
        "_stale_locks": (
            "set_locks_aside",
            "stale_locks",
        ),
        "_start": (
            "Start",
            "inspect_start",
        ),
        "_state_dir": ("state_directory",),
        "_state_rows": (
            "ThreadFile",
            "forget_outdated",
        ),
        "_threads": (
            "ThreadEntry",
            "ThreadLog",
            "forget_thread",
            "known_cargo_key",
            "read_threads",
            "record_thread",
            "settle_cargo_key",
            "stored_cargo_key",
        ),
        "_used": ("directory_used",),
        "_witness": (
            "Witness",
            "look_up",
            "read_witness",
            "witness_path",
        ),
        "_workdir": (
            "Workdir",
            "prepare_workdir",
        ),
    },
)
