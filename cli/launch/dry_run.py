"""Print a plan for a person, or as one JSON object."""

from __future__ import annotations

import json
import shlex
import sys
from typing import cast

from ...supervisor.plan import plan_run
from ...supervisor.prepare.dry_run import describe_plan
from ...workspace.git.view import passing_views
from ..ui.terminal import neutral, on_one_line
from .flags import Invocation

_UNITS = {
    **dict.fromkeys(("timeout", "idle_timeout", "grace", "wait"), "s"),
    **dict.fromkeys(("memory_max", "log_max_bytes"), "bytes"),
    "cpu_max": "cores",
    "pids_max": "processes",
}


def print_plan(invocation: Invocation) -> None:
    """Print the launch's plan; change nothing.

    :raises CodexlabError: the launch would fail with the same error.
    """
    with passing_views():
        plan = describe_plan(plan_run(invocation.request))
    if invocation.as_json:
        sys.stdout.write(json.dumps(plan, indent=2) + "\n")
        return
    width = max(map(len, plan))
    for name, value in plan.items():
        label = name.replace("_", " ").ljust(width)
        for line in _lines(name, value):
            # The command is the caller's own text; the caller may want to copy it.
            shown = neutral(line) if name == "argv" else on_one_line(line)
            sys.stdout.write(f"{label}  {shown}\n")
            label = " " * width


def _lines(name: str, value: object) -> list[str]:
    if name == "argv":
        return [shlex.join(cast("list[str]", value))]
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value)
        return [f"{key}: {_with_unit(key, part)}" for key, part in parts.items()]
    if isinstance(value, list):
        return [_inline(part) for part in cast("list[object]", value)] or ["-"]
    return [_inline(value)]


def _with_unit(name: str, value: object) -> str:
    if name in _UNITS and isinstance(value, int | float):
        return f"{value:.12g} {_UNITS[name]}"
    return _inline(value)


def _inline(value: object) -> str:
    if isinstance(value, dict):
        parts = cast("dict[str, object]", value)
        return ", ".join(f"{key} {_inline(part)}" for key, part in parts.items())
    if isinstance(value, list):
        return " ".join(map(str, cast("list[object]", value))) or "-"
    return "-" if value is None else str(value)
