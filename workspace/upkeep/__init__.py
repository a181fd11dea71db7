"""Look after workspaces between launches; apart, so that no launch loads it.

::

    _survey       what workspaces there are (_held_locks: who holds them, without trying)
    _usage        what they take
    _findings     what would be lost with one
    _used_below   ... to runs that use, or used, a directory in it (_uses: what all runs use)
    _work_below   ... in the repositories and worktrees in it (_below finds them)
    _own_worktrees _merged     those of the repository it belongs to
    _foreign _foreign_files _neutral    those an agent made, whose configuration is not heard
    _look_place   a directory of ours for one such look
    _verdict      which may go, by age, state and free space
    _collect      remove one (_trash: where it lies meanwhile)
    _killed_removals    finish what a killed removal left (_trash_records: what it put there)
    _caches       repositories fetched by URL that nothing uses any more
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel import import_on_use

if TYPE_CHECKING:
    from ._caches import MONTH, CacheVerdict, plan_cache_collection, remove_cache
    from ._collect import Attend, LeftInTrash, Removal, RemovalRefused, remove_workspace
    from ._findings import findings
    from ._killed_removals import empty_trash, strangers_in_trash
    from ._survey import Survey, survey_workspace, survey_workspaces
    from ._usage import Usage, disk_usage
    from ._verdict import GcPolicy, Verdict, explain, is_pressed, plan_collection
    from ._work_below import checkouts_below

__all__ = [
    "MONTH",
    "Attend",
    "CacheVerdict",
    "GcPolicy",
    "LeftInTrash",
    "Removal",
    "RemovalRefused",
    "Survey",
    "Usage",
    "Verdict",
    "checkouts_below",
    "disk_usage",
    "empty_trash",
    "explain",
    "findings",
    "is_pressed",
    "plan_cache_collection",
    "plan_collection",
    "remove_cache",
    "remove_workspace",
    "strangers_in_trash",
    "survey_workspace",
    "survey_workspaces",
]

__getattr__ = import_on_use(
    __name__,
    {
        "_caches": (
            "MONTH",
            "CacheVerdict",
            "plan_cache_collection",
            "remove_cache",
        ),
        "_collect": (
            "Attend",
            "LeftInTrash",
            "Removal",
            "RemovalRefused",
            "remove_workspace",
        ),
        "_findings": ("findings",),
        "_killed_removals": ("empty_trash", "strangers_in_trash"),
        "_survey": (
            "Survey",
            "survey_workspace",
            "survey_workspaces",
        ),
        "_usage": (
            "Usage",
            "disk_usage",
        ),
        "_verdict": (
            "GcPolicy",
            "Verdict",
            "explain",
            "is_pressed",
            "plan_collection",
        ),
        "_work_below": ("checkouts_below",),
    },
)
