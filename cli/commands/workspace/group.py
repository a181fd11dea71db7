"""``codexlab workspace``: list, show, heal and collect workspaces."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ...context.removal_hook import find_removal_hook, hook_option, limit_option, settle_removals
from ...context.workspaces import find_root, gc_policy, select, select_one, shared_home
from ...ui.faults import Faults
from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.one_of import one_of
from ...ui.terminal import on_one_line
from .gc import gc
from .path import in_place, shown_path, workdir_of
from .view import LIST_HEADER, describe, list_row, why, write_json, write_lines, write_table

# Modules for only some commands are imported by those commands: the list must be quick.
if TYPE_CHECKING:
    from ....workspace.gc.survey import Survey

Command = Callable[..., Any]

_root = click.option("--root", type=NON_EMPTY_TEXT, metavar="DIR", help="The workspaces root.")
_json = click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")


def _chosen(command: Command) -> Command:
    """Add the options that choose one workspace."""
    for option in (
        _root,
        click.option("--agent", type=NON_EMPTY_TEXT, metavar="NAME", help="Only of this agent."),
        click.option(
            "--project", type=NON_EMPTY_TEXT, metavar="NAME", help="Of this project only."
        ),
        click.argument("issue"),
    ):
        command = option(command)
    return command


@click.group()
def workspace() -> None:
    """Workspaces: one per issue, reused by every later task."""


@workspace.command("list")
@_root
@click.option("--project", type=NON_EMPTY_TEXT, metavar="NAME", help="Of this project only.")
@click.option("--full", is_flag=True, help="With sizes, git state and threads (JSON only).")
@_json
def list_command(root: str | None, project: str | None, full: bool, as_json: bool) -> int:
    """List workspaces: who holds them, when they were used, how the last run ended."""
    if full and not as_json:
        raise click.UsageError("--full needs --json")
    from ....workspace.gc.survey import survey_workspaces

    place = find_root(root)
    surveys = [each for each in survey_workspaces(place) if each.is_of(project, None, None)]
    faults = Faults()
    if as_json:
        write_json(faults.each(surveys, lambda each: describe(each, deep=full), _place))
    elif surveys:
        write_table(LIST_HEADER, faults.each(surveys, list_row, _place))
    else:
        click.echo(on_one_line(f"no workspaces below {place}"), err=True)
    return faults.status


@workspace.command()
@_chosen
@_json
def show(
    issue: str, project: str | None, agent: str | None, root: str | None, as_json: bool
) -> int:
    """Show everything about the workspaces of an issue."""
    faults = Faults()
    found = faults.each(select(issue, project, agent, find_root(root)), _shown, _place)
    if as_json:
        write_json(found)
        return faults.status
    for number, values in enumerate(found):
        if number:
            click.echo()
        write_lines(values)
    return faults.status


@workspace.command()
@_chosen
@click.option("--home", is_flag=True, help="Its codex-home.")
@click.option("--context", is_flag=True, help="Its context directory.")
@click.option("--top", is_flag=True, help="The workspace itself.")
def path(
    issue: str,
    project: str | None,
    agent: str | None,
    root: str | None,
    home: bool,
    context: bool,
    top: bool,
) -> None:
    """Print where an issue's work lies: cd "$(codexlab workspace path 123)"."""
    place = one_of(home=home, context=context, top=top)
    survey = select_one(issue, project, agent, find_root(root))
    paths = survey.paths
    if place is None:
        click.echo(shown_path(workdir_of(survey)))
        return
    places = {"home": paths.codex_home, "context": paths.context, "top": paths.root}
    click.echo(shown_path(in_place(places[place])))


@workspace.command()
@_chosen
@click.option("--merge", is_flag=True, help="Bring the shared config.toml's changes in, by key.")
@_json
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


@workspace.command()
@_chosen
@click.option("--force", is_flag=True, help="Delete even uncommitted or unpushed work.")
@hook_option
@limit_option
def remove(
    issue: str,
    project: str | None,
    agent: str | None,
    root: str | None,
    force: bool,
    hook_before_remove: str | None,
    hook_timeout: str | None,
) -> None:
    """Delete one workspace now. A branch with commits of its own stays in its repository."""
    from ....workspace.gc.remove import remove_workspace

    place = find_root(root)
    survey = select_one(issue, project, agent, place)
    hook = find_removal_hook(hook_before_remove, hook_timeout, place)
    settle_removals([survey])
    attend = hook.attend if hook is not None else None
    done = remove_workspace(survey.paths, survey.key, force=force, attend=attend)
    click.echo(on_one_line(f"removed {done.root}"))
    if done.branch is not None:
        click.echo(f"and branch {done.branch}, all of whose commits are elsewhere")
    if done.moved:
        click.echo(f"{done.moved} transcripts moved to the shared codex home first")
    for line in done.kept:
        click.echo(on_one_line(line))


def _place(survey: Survey) -> str:
    return survey.place


def _shown(survey: Survey) -> dict[str, Any]:
    from ....workspace.gc.verdict import explain, is_pressed
    from ....workspace.unique_work.work_below import checkouts_below

    policy = gc_policy(None, None)
    pressed = is_pressed(survey.paths.base, policy)
    verdict = explain(survey, policy, time.time(), pressed=pressed)
    return {
        **describe(survey, deep=True),
        "checkouts": checkouts_below(survey.paths),
        "only_here": list(verdict.findings),
        "gc": f"{'keep' if verdict.action == 'due' else verdict.action}: {why(verdict)}",
    }


workspace.add_command(gc)
