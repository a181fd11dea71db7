"""``codexlab workspace remove``: delete one workspace now."""

from __future__ import annotations

import click

from ...context.removal_hook import (
    end_left_by_removals,
    find_removal_hook,
    hook_option,
    limit_option,
)
from ...context.workspaces import find_root, select_one
from ...ui.terminal import on_one_line
from .options import one_workspace


@click.command()
@one_workspace
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
    end_left_by_removals([survey])
    attend = hook.attend if hook is not None else None
    done = remove_workspace(survey.paths, survey.key, force=force, attend=attend)
    click.echo(on_one_line(f"removed {done.root}"))
    if done.branch is not None:
        click.echo(f"and branch {done.branch}, all of whose commits are elsewhere")
    if done.moved:
        click.echo(f"{done.moved} transcripts moved to the shared codex home first")
    for line in done.kept:
        click.echo(on_one_line(line))
