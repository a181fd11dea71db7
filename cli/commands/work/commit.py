"""``codexlab commit``: commit what an agent left uncommitted."""

from __future__ import annotations

import click

from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import on_one_line
from ..workspace.options import one_workspace
from .choose import survey_of, tell


@click.command()
@one_workspace
@click.option("-m", "--message", type=NON_EMPTY_TEXT, metavar="TEXT", help="The commit's message.")
@click.option("--hooks", is_flag=True, help="Run your own hooks, as git commit does.")
@click.option("--json", "as_json", is_flag=True, help="The commit, as JSON.")
def commit(
    issue: str,
    project: str | None,
    agent: str | None,
    root: str | None,
    message: str | None,
    hooks: bool,
    as_json: bool,
) -> None:
    """Commit all that an issue's work left uncommitted, on the issue's branch.

    Without -m the subject is what the agent said last. The message ends with the issue, the run and
    the thread. You are the author. Files that git ignores stay out.
    """
    from ....workspace.issue_work.commit import commit_work

    survey = survey_of(issue, project, agent, root)
    done = commit_work(survey.paths, survey.key, message, hooks=hooks)
    tell(done.left_out)
    if as_json:
        from ..workspace.view import write_json

        write_json({"commit": done.commit, "branch": done.branch, "subject": done.subject})
        return
    click.echo(on_one_line(f"committed {done.commit[:12]} on {done.branch}: {done.subject}"))
