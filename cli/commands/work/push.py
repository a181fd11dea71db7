"""``codexlab push``: push an issue's branch, and say where a pull request can be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import on_one_line
from ..workspace.options import one_workspace
from .choose import survey_of

if TYPE_CHECKING:
    from ....workspace.bring_home.push import Pushed


@click.command()
@one_workspace
@click.option(
    "--remote",
    type=NON_EMPTY_TEXT,
    metavar="NAME",
    help="To this remote.  [default: origin, or the only one]",
)
@click.option("--pr", is_flag=True, help="Open a pull request too, with your own gh.")
@click.option("--json", "as_json", is_flag=True, help="What was done, as JSON.")
def push(
    issue: str,
    project: str | None,
    agent: str | None,
    root: str | None,
    remote: str | None,
    pr: bool,
    as_json: bool,
) -> None:
    """Push an issue's branch with your own credentials.

    It gets the same name on the remote. Commits that only the remote has are never replaced. Prints
    where a pull request can be opened.
    """
    from ....workspace.bring_home.pull_request import find_gh, open_pull_request
    from ....workspace.bring_home.push import push_work

    gh = find_gh() if pr else None
    survey = survey_of(issue, project, agent, root)
    done = push_work(survey.paths, survey.key, remote)
    if not as_json:
        _tell(done)
    opened = open_pull_request(gh, done) if gh is not None else None
    if as_json:
        from ..workspace.view import write_json

        write_json(_describe(done, opened))
    elif opened is not None:
        click.echo(on_one_line(opened))
    elif (page := done.remote.page(done.branch)) is not None:
        click.echo(f"open a pull request: {page}")


def _tell(done: Pushed) -> None:
    what = "pushed" if done.is_new else "nothing to push: the remote has all of"
    line = f"{what} {done.branch} to {done.remote.name} ({done.remote.shown})"
    click.echo(on_one_line(f"{line}, at {done.commit[:12]}"))


def _describe(done: Pushed, opened: str | None) -> dict[str, Any]:
    return {
        "pushed": done.is_new,
        "branch": done.branch,
        "commit": done.commit,
        "remote": done.remote.name,
        "url": done.remote.shown,
        "page": done.remote.page(done.branch),
        "pull_request": opened,
    }
