"""``codexlab workspace heal``: the repair that a launch makes, made now."""

from __future__ import annotations

from dataclasses import asdict

import click

from ...context.workspaces import find_root, select_one, shared_home
from ...ui.terminal import on_one_line
from .options import json_option, one_workspace
from .view import write_json


@click.command()
@one_workspace
@click.option("--merge", is_flag=True, help="Bring the shared config.toml's changes in, by key.")
@json_option
def heal(
    issue: str,
    project: str | None,
    agent: str | None,
    root: str | None,
    merge: bool,
    as_json: bool,
) -> None:
    """Repair an issue's codex-home now, as the next launch would."""
    from ....workspace.claim.claim import claim_workspace
    from ....workspace.codex_home.heal import mend_codex_home

    survey = select_one(issue, project, agent, find_root(root))
    claim = claim_workspace(survey.paths, survey.key)
    try:
        report = mend_codex_home(survey.paths, shared_home(), merge=merge)
    finally:
        claim.release()
    if as_json:
        write_json(asdict(report))
        return
    for verb in ("created", "fixed", "kept"):
        for name in getattr(report, verb):
            click.echo(on_one_line(f"{verb:<8} {name}"))
    for warning in (*claim.notes, *report.warnings):
        click.echo(on_one_line(f"codexlab: {warning}"), err=True)
    if report.healthy:
        click.echo("healthy")
