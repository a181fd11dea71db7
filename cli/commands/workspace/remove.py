"""``codexlab workspace remove``: delete the workspaces of some issues now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...context.removal_hook import (
    end_left_by_removals,
    find_removal_hook,
    hook_option,
    limit_option,
)
from ...context.several import Asked
from ...context.workspaces import find_root
from ...ui.faults import Faults
from ...ui.terminal import on_one_line
from .options import json_option, several_workspaces
from .view import write_json

if TYPE_CHECKING:
    from ....workspace.gc.remove import Removal
    from ....workspace.gc.survey import Survey


@click.command()
@several_workspaces
@click.option("--force", is_flag=True, help="Delete even uncommitted or unpushed work.")
@hook_option
@limit_option
@json_option
def remove(
    issues: tuple[str, ...],
    project: str | None,
    agent: str | None,
    root: str | None,
    force: bool,
    hook_before_remove: str | None,
    hook_timeout: str | None,
    as_json: bool,
) -> int:
    """Delete the workspaces of one or more issues now.

    A branch with commits of its own stays in its repository.
    """
    from ....workspace.gc.remove import remove_workspace

    place, faults = find_root(root), Faults()
    hook = find_removal_hook(hook_before_remove, hook_timeout, place)
    attend = hook.attend if hook is not None else None

    def delete(survey: Survey) -> dict[str, object]:
        end_left_by_removals([survey])
        done = remove_workspace(survey.paths, survey.key, force=force, attend=attend)
        if not as_json:
            _write(done)
        return _document(survey, done)

    removed = Asked(issues, project, agent, place).each_one(delete, faults)
    if as_json:
        write_json(removed)
    return faults.status


def _write(done: Removal) -> None:
    click.echo(on_one_line(f"removed {done.root}"))
    if done.branch is not None:
        click.echo(f"and branch {done.branch}, all of whose commits are elsewhere")
    if done.moved:
        click.echo(f"{done.moved} transcripts moved to the shared codex home first")
    for line in done.kept:
        click.echo(on_one_line(line))


def _document(survey: Survey, done: Removal) -> dict[str, object]:
    key = survey.place_key
    return {
        "project": key.project,
        "issue": key.issue,
        "agent": key.agent,
        "path": str(done.root),
        "branch": done.branch,
        "transcripts_moved": done.moved,
        "kept": list(done.kept),
    }
