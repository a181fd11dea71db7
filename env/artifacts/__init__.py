"""Developer artifacts for people: exported, set up, reported and cleaned.

::

    _repository, _routes     where a person stands, and which variables send output where
    _exports, _bazel, _setup what a shell sources, what Bazel reads
    _sizes, _status          one report of every category
    _candidates, _quarantine, _clean
                             what may go, and how it goes

Places, leases and records are those of ``codexlab.env.targets``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel import import_on_use

if TYPE_CHECKING:
    from ._candidates import CATEGORIES, Category
    from ._clean import (
        DEFAULT_AGE,
        CleanOptions,
        Finding,
        append_receipt,
        apply_clean,
        plan_clean,
    )
    from ._errors import SetupRefused
    from ._exports import SHELLS, ShellError, render_exports, shell_of
    from ._repository import Repository, find_repository, worktree_key
    from ._routes import Exports, find_sccache, pnpm_major, route_caches, shell_exports
    from ._setup import SetupPlan, apply_setup, plan_setup
    from ._sizes import Deadline, Measure, measure_tree
    from ._status import Row, Status, collect_status

__all__ = [
    "CATEGORIES",
    "DEFAULT_AGE",
    "SHELLS",
    "Category",
    "CleanOptions",
    "Deadline",
    "Exports",
    "Finding",
    "Measure",
    "Repository",
    "Row",
    "SetupPlan",
    "SetupRefused",
    "ShellError",
    "Status",
    "append_receipt",
    "apply_clean",
    "apply_setup",
    "collect_status",
    "find_repository",
    "find_sccache",
    "measure_tree",
    "plan_clean",
    "plan_setup",
    "pnpm_major",
    "render_exports",
    "route_caches",
    "shell_exports",
    "shell_of",
    "worktree_key",
]

__getattr__ = import_on_use(
    __name__,
    {
        "_candidates": (
            "CATEGORIES",
            "Category",
        ),
        "_clean": (
            "DEFAULT_AGE",
            "CleanOptions",
            "Finding",
            "append_receipt",
            "apply_clean",
            "plan_clean",
        ),
        "_errors": ("SetupRefused",),
        "_exports": (
            "SHELLS",
            "ShellError",
            "render_exports",
            "shell_of",
        ),
        "_repository": (
            "Repository",
            "find_repository",
            "worktree_key",
        ),
        "_routes": (
            "Exports",
            "find_sccache",
            "pnpm_major",
            "route_caches",
            "shell_exports",
        ),
        "_setup": (
            "SetupPlan",
            "apply_setup",
            "plan_setup",
        ),
        "_sizes": (
            "Deadline",
            "Measure",
            "measure_tree",
        ),
        "_status": (
            "Row",
            "Status",
            "collect_status",
        ),
    },
)
