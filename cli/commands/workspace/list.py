"""``codexlab workspace list``: one line for each workspace."""

from __future__ import annotations

import click

from ...context.workspaces import find_root, tell_unreadable
from ...ui.faults import Faults
from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import on_one_line
from .options import json_option, root_option
from .view import LIST_HEADER, describe, list_row, place_of, write_json, write_table


@click.command("list")
@root_option
@click.option("--project", type=NON_EMPTY_TEXT, metavar="NAME", help="Of this project only.")
@click.option("--full", is_flag=True, help="With sizes, git state and threads (JSON only).")
@json_option
def list_command(root: str | None, project: str | None, full: bool, as_json: bool) -> int:
    """List workspaces: who holds them, when they were used, how the last run ended."""
    if full and not as_json:
        raise click.UsageError("--full needs --json")
    from ....workspace.gc.survey import survey_workspaces

    place = find_root(root)
    faults = Faults()
    found = survey_workspaces(place, tell_unreadable(faults, place, project))
    surveys = [each for each in found if each.is_of(project, None, None)]
    if as_json:
        write_json(faults.each(surveys, lambda each: describe(each, deep=full), place_of))
    elif surveys:
        write_table(LIST_HEADER, faults.each(surveys, list_row, place_of))
    elif not faults.status:
        click.echo(on_one_line(f"no workspaces below {place}"), err=True)
    return faults.status
