"""``codexlab workspace heal``: the repair that a launch makes, made now."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ...context.several import Asked
from ...context.workspaces import find_root, shared_home
from ...ui.faults import Faults
from ...ui.terminal import on_one_line
from .options import json_option, several_workspaces
from .view import write_json

if TYPE_CHECKING:
    from ....workspace.codex_config.report import HealReport
    from ....workspace.gc.survey import Survey

    _Healed = tuple[Survey, tuple[str, ...], HealReport]  # the notes of its claim


@click.command()
@several_workspaces
@click.option("--merge", is_flag=True, help="Bring the shared config.toml's changes in, by key.")
@json_option
def heal(
    issues: tuple[str, ...],
    project: str | None,
    agent: str | None,
    root: str | None,
    merge: bool,
    as_json: bool,
) -> int:
    """Repair the codex-home of one or more issues now, as the next launch would."""
    faults = Faults()
    asked = Asked(issues, project, agent, find_root(root))

    def mend(survey: Survey) -> _Healed:
        healed = _mend(survey, merge=merge)
        if not as_json:
            _write(healed, f"{survey.place_key.issue}: " if asked.several else "")
        return healed

    done = asked.each_one(mend, faults)
    if as_json and asked.several:
        write_json([{**asdict(each.place_key), **asdict(report)} for each, _, report in done])
    elif as_json:
        write_json(asdict(done[0][2]))
    return faults.status


def _mend(survey: Survey, *, merge: bool) -> _Healed:
    from ....workspace.claim.claim import claim_workspace
    from ....workspace.codex_home.heal import mend_codex_home

    claim = claim_workspace(survey.paths, survey.key)
    try:
        report = mend_codex_home(survey.paths, shared_home(), merge=merge)
    finally:
        claim.release()
    return survey, tuple(claim.notes), report


def _write(healed: _Healed, name: str) -> None:
    """Write a line for each repair.

    :param name: what each line begins with, where several workspaces are repaired.
    """
    _, notes, report = healed
    for verb in ("created", "fixed", "kept"):
        for entry in getattr(report, verb):
            click.echo(on_one_line(f"{name}{verb:<8} {entry}"))
    for warning in (*notes, *report.warnings):
        click.echo(on_one_line(f"codexlab: {name}{warning}"), err=True)
    if report.healthy:
        click.echo(on_one_line(f"{name}healthy"))
