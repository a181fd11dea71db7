"""One run of one agent: plan, launch, watch, end, prove.

``run.launch`` is the contents page, and ``run.run`` has the steps of one run. ``lifecycle.machine``
is the table that alone decides. ``lifecycle.ladder`` says how a run is ended, and
``lifecycle.exit`` its exit status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel.lazy import import_on_use

if TYPE_CHECKING:
    from .caller import RunOutcome
    from .containment.reap import Reaped, reap_workspaces
    from .containment.reap_leaves import reap_leaves
    from .errors import Cancelled, RemovalStopped
    from .hooks.before_remove import before_remove_hook, end_left_by_removal
    from .lifecycle.exit import EXIT_FAILED, ExitReport
    from .lifecycle.machine import ENDING_SIGNALS
    from .plan import Plan, plan_run
    from .prepare.dry_run import describe_plan
    from .prepare.expected import ExpectedEnvironment, expect_environment
    from .records.runs import RunView, known_roots, list_runs
    from .request import DEFAULT_HOOK_TIMEOUT, HOOK_NAMES, HookCommand, LaunchRequest
    from .run.closing_lines import describe_left_behind
    from .run.embed import Run, open_run
    from .run.launch import launch

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
    "Plan",
    "Reaped",
    "RemovalStopped",
    "Run",
    "RunOutcome",
    "RunView",
    "before_remove_hook",
    "describe_left_behind",
    "describe_plan",
    "end_left_by_removal",
    "expect_environment",
    "known_roots",
    "launch",
    "list_runs",
    "open_run",
    "plan_run",
    "reap_leaves",
    "reap_workspaces",
]

__getattr__ = import_on_use(
    __name__,
    {
        "run.closing_lines": ("describe_left_behind",),
        "prepare.dry_run": ("describe_plan",),
        "errors": ("Cancelled", "RemovalStopped"),
        "lifecycle.exit": ("EXIT_FAILED", "ExitReport"),
        "prepare.expected": ("ExpectedEnvironment", "expect_environment"),
        "caller": ("RunOutcome",),
        "run.launch": ("launch",),
        "lifecycle.machine": ("ENDING_SIGNALS",),
        "run.embed": ("Run", "open_run"),
        "plan": ("Plan", "plan_run"),
        "containment.reap": ("Reaped", "reap_workspaces"),
        "containment.reap_leaves": ("reap_leaves",),
        "hooks.before_remove": ("before_remove_hook", "end_left_by_removal"),
        "request": ("DEFAULT_HOOK_TIMEOUT", "HOOK_NAMES", "HookCommand", "LaunchRequest"),
        "records.runs": ("RunView", "known_roots", "list_runs"),
    },
)
