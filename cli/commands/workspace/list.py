"""``codexlab workspace list``: one line for each workspace."""

from __future__ import annotations

import click

from ...context.workspaces import find_root, tell_unreadable
from ...ui.faults import Faults
from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import on_one_line
from ..runs.columns import write_columns
from .options import json_option, root_option
from .view import LIST_COLUMNS, describe, list_row, place_of, write_json


@click.command("list")
@root_option
@click.option("--project", type=NON_EMPTY_TEXT, metavar="NAME", help="Of this project only.")
@click.option("--full", is_flag=True, help="With sizes, git state and threads (JSON only).")
@json_option
def list_command(root: str | None, project: str | None, full: bool, as_json: bool) -> int:
    """List workspaces, the last used first: who holds them, their size, how the last run ended.

    Uncommitted work is dirty, and commits on no other branch and no remote are unmerged. The look
    for that and for the sizes ends after two seconds; dots stand for what is not known by then.
    """
    if full and not as_json:
        raise click.UsageError("--full needs --json")
    from ....workspace.gc.survey import survey_workspaces

    place = find_root(root)
    faults = Faults()
    found = survey_workspaces(place, tell_unreadable(faults, place, project))
    surveys = [each for each in found if each.is_of(project, None, None)]
    surveys.sort(key=lambda each: each.used, reverse=True)
    if as_json:
        write_json(faults.each(surveys, lambda each: describe(each, deep=full), place_of))
    elif surveys:
        from ...context.glance import glance_at

        looks = glance_at(surveys)
        rows = faults.each(surveys, lambda each: list_row(each, looks[each.place]), place_of)
        write_columns(LIST_COLUMNS, rows)
    elif not faults.status:
        click.echo(on_one_line(f"no workspaces below {place}"), err=True)
    return faults.status
