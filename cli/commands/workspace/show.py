"""``codexlab workspace show``: all that is known of the workspaces of an issue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from ...context.workspaces import find_root, gc_policy, select
from ...ui.faults import Faults
from .options import json_option, one_workspace
from .view import describe, place_of, why, write_json, write_lines

if TYPE_CHECKING:
    from ....workspace.gc.survey import Survey


@click.command()
@one_workspace
@json_option
def show(
    issue: str, project: str | None, agent: str | None, root: str | None, as_json: bool
) -> int:
    """Show everything about the workspaces of an issue."""
    faults = Faults()
    surveys = select(issue, project, agent, find_root(root), faults)
    found = faults.each(surveys, _shown, place_of)
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
