"""``codexlab merge``: merge an issue's branch into the user's."""

from __future__ import annotations

import click

from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.one_of import one_of
from ...ui.terminal import on_one_line
from ..workspace.options import one_workspace
from .choose import survey_of


@click.command()
@one_workspace
@click.option(
    "--into",
    type=NON_EMPTY_TEXT,
    metavar="BRANCH",
    help="Into this branch.  [default: that of your main checkout]",
)
@click.option("--squash", is_flag=True, help="As one commit, without the issue's own commits.")
@click.option("--ff-only", is_flag=True, help="Only where no merge commit is needed.")
@click.option("--json", "as_json", is_flag=True, help="What was done, as JSON.")
def merge(
    issue: str,
    project: str | None,
    agent: str | None,
    root: str | None,
    into: str | None,
    squash: bool,
    ff_only: bool,
    as_json: bool,
) -> None:
    """Merge an issue's branch into yours.

    The checkout that is on your branch is brought there too. A conflict, uncommitted work of the
    issue, or a file that you changed yourself: then nothing is changed, and the line says why.
    """
    from ....workspace.bring_home.merge import MergeForm, MergeResult, merge_work

    chosen = one_of(squash=squash, ff_only=ff_only)
    forms = {"squash": MergeForm.SQUASH, "ff_only": MergeForm.FF_ONLY, None: MergeForm.MERGE}
    survey = survey_of(issue, project, agent, root)
    done = merge_work(survey.paths, survey.key, into, forms[chosen])
    if as_json:
        from ..workspace.view import write_json

        names = ("result", "branch", "into", "before", "commit")
        place = None if done.checkout is None else str(done.checkout)
        write_json({**{name: getattr(done, name) for name in names}, "checkout": place})
        return
    if done.result is MergeResult.NOTHING:
        click.echo(on_one_line(f"nothing to merge: {done.into} holds all of {done.branch}"))
        return
    where = f" ({done.checkout})" if done.checkout is not None else ""
    click.echo(
        on_one_line(
            f"merged {done.branch} into {done.into}{where}: {done.result}, now at"
            f" {done.commit[:12]}"
        )
    )
