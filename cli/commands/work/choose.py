"""The checkout of an issue's work that a command means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...context.workspaces import find_root, select_one
from ...ui.terminal import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ....workspace.gc.survey import Survey
    from ....workspace.issue_work.place import IssueWork


def survey_of(issue: str, project: str | None, agent: str | None, root: str | None) -> Survey:
    """Return the one workspace of an issue.

    :raises NoSuchWorkspace: there is none, or more than one.
    """
    return select_one(issue, project, agent, find_root(root))


def work_of(survey: Survey) -> IssueWork:
    """Return the checkout of a workspace's work, for a look."""
    from ....workspace.issue_work.place import find_work
    from ....workspace.records.witness import read_witness

    return find_work(survey.paths, survey.provenance, read_witness(survey.paths))


def tell(lines: Iterable[str]) -> None:
    """Write notes on stderr, each on one line."""
    for line in lines:
        click.echo(f"codexlab: {on_one_line(line)}", err=True)
