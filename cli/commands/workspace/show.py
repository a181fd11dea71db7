"""``codexlab workspace show``: all that is known of the workspaces of some issues."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ...context.several import Asked
from ...context.workspaces import find_root, gc_policy
from ...ui.faults import Faults
from .options import json_option, several_workspaces
from .view import describe, place_of, why, write_json, write_lines

if TYPE_CHECKING:
    from ....workspace.gc.survey import Survey


@click.command()
@several_workspaces
@json_option
def show(
    issues: tuple[str, ...],
    project: str | None,
    agent: str | None,
    root: str | None,
    as_json: bool,
) -> int:
    """Show everything about the workspaces of one or more issues."""
    faults = Faults()
    asked = Asked(issues, project, agent, find_root(root))
    shown = asked.each(lambda surveys: faults.each(surveys, _shown, place_of), faults)
    found = [values for of_issue in shown for values in of_issue]
    if as_json:
        write_json(found)
        return faults.status
    for number, values in enumerate(found):
        if number:
            click.echo()
        write_lines(values)
    return faults.status


def _shown(survey: Survey) -> dict[str, Any]:
    from ....workspace.gc.verdict import GcAction, explain, is_pressed
    from ....workspace.unique_work.work_below import checkouts_below

    policy = gc_policy(None, None)
    pressed = is_pressed(survey.paths.base, policy)
    verdict = explain(survey, policy, time.time(), pressed=pressed)
    action = GcAction.KEEP if verdict.action is GcAction.DUE else verdict.action
    return {
        **describe(survey, deep=True),
        "checkouts": checkouts_below(survey.paths),
        "only_here": list(verdict.findings),
        "gc": f"{action}: {why(verdict)}",
    }
