"""One run of one agent: plan, launch, watch, end, prove.

``_launch`` is the contents page; ``_run`` the steps of one run; ``_lifecycle``
the table that alone decides; ``_ladder`` how a run is ended; ``_exit`` what that
means for the exit status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel import import_on_use

if TYPE_CHECKING:
    from ._closing_lines import describe_left_behind
    from ._describe import describe_plan
    from ._errors import Cancelled, RemovalStopped
    from ._exit import EXIT_FAILED, ExitReport
    from ._expected import ExpectedEnvironment, expect_environment
    from ._host import Outcome
    from ._launch import launch
    from ._lifecycle import ENDING_SIGNALS
    from ._open_run import Run, open_run
    from ._plan import Plan, plan_run
    from ._reap import Reaped, reap_leaves, reap_workspaces
    from ._removal import attend_removal, settle_removal
    from ._request import DEFAULT_HOOK_TIMEOUT, HOOK_NAMES, HookCommand, LaunchRequest
    from ._runs import RunView, known_roots, list_runs

__all__ = [
    "DEFAULT_HOOK_TIMEOUT",
    "ENDING_SIGNALS",
    "EXIT_FAILED",
    "HOOK_NAMES",
    "Cancelled",
    "ExitReport",
    "ExpectedEnvironment",
    "HookCommand",
    "LaunchRequest",
    "Outcome",
    "Plan",
    "Reaped",
    "RemovalStopped",
    "Run",
    "RunView",
    "attend_removal",
    "describe_left_behind",
    "describe_plan",
    "expect_environment",
    "known_roots",
    "launch",
    "list_runs",
    "open_run",
    "plan_run",
    "reap_leaves",
    "reap_workspaces",
    "settle_removal",
]

__getattr__ = import_on_use(
    __name__,
    {
        "_closing_lines": ("describe_left_behind",),
        "_describe": ("describe_plan",),
        "_errors": ("Cancelled", "RemovalStopped"),
        "_exit": ("EXIT_FAILED", "ExitReport"),
        "_expected": ("ExpectedEnvironment", "expect_environment"),
        "_host": ("Outcome",),
        "_launch": ("launch",),
        "_lifecycle": ("ENDING_SIGNALS",),
        "_open_run": ("Run", "open_run"),
        "_plan": ("Plan", "plan_run"),
        "_reap": ("Reaped", "reap_leaves", "reap_workspaces"),
        "_removal": ("attend_removal", "settle_removal"),
        "_request": ("DEFAULT_HOOK_TIMEOUT", "HOOK_NAMES", "HookCommand", "LaunchRequest"),
        "_runs": ("RunView", "known_roots", "list_runs"),
    },
)
