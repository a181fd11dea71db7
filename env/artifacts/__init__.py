"""Developer artifacts: high-churn output below one root, leased, explained and cleaned.

::

    _layout, _routes         where everything goes, and by which variables (pure)
    _below                   directories below the root, never through a link
    _leases, _index, _prepare who builds where, and whose it is
    _floors, _sizes          free space, and how much a tree occupies
    _exports, _bazel, _setup what a shell sources, what Bazel reads
    _candidates, _quarantine, _clean
                             what may go, and how it goes
    _status                  one report of all of it

Imported only by what needs it; a launch without an artifact root does not.
"""

from ._below import make_below_root
from ._candidates import CATEGORIES, Category
from ._clean import (
    DEFAULT_AGE,
    CleanOptions,
    Finding,
    append_receipt,
    apply_clean,
    plan_clean,
)
from ._errors import (
    FloorError,
    PathRefused,
    RootUnusable,
    SetupRefused,
    TargetBusy,
    TooLittleSpace,
)
from ._exports import SHELLS, ShellError, render_exports, shell_of
from ._floors import Floors, check_floors, read_floors
from ._index import TargetOwner, new_owner, read_owner, record_owner
from ._layout import Layout, below
from ._leases import is_leased, lease_target
from ._prepare import prepare_target
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
    "FloorError",
    "Floors",
    "Layout",
    "Measure",
    "PathRefused",
    "Repository",
    "RootUnusable",
    "Row",
    "SetupPlan",
    "SetupRefused",
    "ShellError",
    "Status",
    "TargetBusy",
    "TargetOwner",
    "TooLittleSpace",
    "append_receipt",
    "apply_clean",
    "apply_setup",
    "below",
    "check_floors",
    "collect_status",
    "find_repository",
    "find_sccache",
    "is_leased",
    "lease_target",
    "make_below_root",
    "measure_tree",
    "new_owner",
    "plan_clean",
    "plan_setup",
    "pnpm_major",
    "prepare_target",
    "read_floors",
    "read_owner",
    "record_owner",
    "render_exports",
    "route_caches",
    "shell_exports",
    "shell_of",
    "worktree_key",
]
