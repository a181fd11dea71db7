"""The path that ``codexlab workspace path`` prints: the real path, or none.

It is printed for ``cd "$(...)"``. An agent can write a false path into a record, or put a link in
the place of a directory. Neither may lead its user elsewhere.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import click

from ....kernel.errors import CallerError
from ....workspace.gc.survey import Survey, SurveyState
from ...context.workspaces import find_root, select_one
from ...ui.one_of import one_of
from ...ui.terminal import on_one_line
from .options import one_workspace


class PathNotShown(CallerError):
    """There is a path, but it leads elsewhere than it seems to."""

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")


@click.command("path")
@one_workspace
@click.option("--home", is_flag=True, help="Its codex-home.")
@click.option("--context", is_flag=True, help="Its context directory.")
@click.option("--top", is_flag=True, help="The workspace itself.")
def path_command(
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


def workdir_of(survey: Survey) -> Path:
    """Return the directory of the last run; our own workdir if there was no run.

    :raises PathNotShown: the record names one directory, and our state directory another or none.
    """
    from ....workspace.records.used import directory_used
    from ....workspace.records.witness import read_witness

    own, record = survey.paths.workdir, survey.provenance
    told = None if record is None or survey.state is SurveyState.MOVED else record.workdir
    witness = read_witness(survey.paths)
    known = None if witness is None else witness.workdir
    if told in (None, os.fspath(own)) and known in (None, os.fspath(own)):
        return in_place(own)
    used = directory_used(survey.paths, witness)
    if used is not None and os.fspath(used) == known and told in (None, known):
        return used
    if known is None:
        reason = "no run that is known here worked there; expected the workdir of the last run"
        raise PathNotShown(str(told), f"{_names(survey)} names it, but {reason}: launch once more")
    if told in (None, known):
        raise PathNotShown(known, "the last run worked there, and it is gone or another directory")
    raise PathNotShown(str(told), f"{_names(survey)} names it, but the last run worked in {known}")


def in_place(path: Path) -> Path:
    """Return the path of a directory of ours, even if it is missing.

    :raises PathNotShown: a link or file lies in its place.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return path
    if stat.S_ISLNK(found.st_mode):
        raise PathNotShown(
            path, f"is a link to {os.readlink(path)}; expected a directory that codexlab made"
        )
    if not stat.S_ISDIR(found.st_mode):
        raise PathNotShown(path, "is not a directory; move away what lies there")
    return path


def shown_path(path: Path) -> str:
    """Return a path as it can be printed for a shell.

    :raises PathNotShown: it holds characters that a terminal obeys, or that a shell would not keep.
    """
    text = os.fspath(path)
    if on_one_line(text) != text:
        raise PathNotShown(text, "holds control characters; expected a path that can be printed")
    return text


def _names(survey: Survey) -> str:
    return os.fspath(survey.paths.provenance)
