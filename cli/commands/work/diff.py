"""``codexlab diff``: what an issue's work changed, committed or not."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from ...ui.one_of import one_of
from ..workspace.options import one_workspace
from .choose import survey_of, tell, work_of

if TYPE_CHECKING:
    from ....workspace.gc.survey import Survey
    from ....workspace.issue_work.diff import DiffForm


@click.command()
@one_workspace
@click.argument("paths", nargs=-1, metavar="[-- PATH...]")
@click.option("--stat", is_flag=True, help="Only a line for each file, with how much changed.")
@click.option("--name-only", is_flag=True, help="Only the names of the files.")
@click.option("--json", "as_json", is_flag=True, help="The files and their lines, as JSON.")
@click.option("--pager/--no-pager", default=None, help="[default: when stdout is a terminal]")
def diff(
    issue: str,
    paths: tuple[str, ...],
    project: str | None,
    agent: str | None,
    root: str | None,
    stat: bool,
    name_only: bool,
    as_json: bool,
    pager: bool | None,
) -> None:
    """Show all that an issue's work changed, committed or not, new files included.

    It is compared with the commit that the workspace started from, or with the newest commit that
    your branch holds too. Nothing is changed. PATHs start at the top of the repository.
    """
    chosen = one_of(stat=stat, name_only=name_only, json=as_json)
    survey = survey_of(issue, project, agent, root)
    if chosen == "json":
        _write_json(survey, paths)
        return
    from ....workspace.issue_work.diff import DiffForm

    forms = {"stat": DiffForm.STAT, "name_only": DiffForm.NAMES, None: DiffForm.PATCH}
    _write(survey, forms[chosen], paths, pager=pager)


def _write(survey: Survey, form: DiffForm, paths: tuple[str, ...], *, pager: bool | None) -> None:
    from ....workspace.issue_work.diff import diff_text
    from ...ui.terminal import terminal_width

    width = terminal_width()
    found = diff_text(work_of(survey), form, paths, width or 80)
    tell(found.left_out)
    if width is None and not pager:
        sys.stdout.buffer.write(found.text)
        sys.stdout.buffer.flush()
        return
    from ...ui.diff_on_terminal import show_diff

    show_diff(found.text, pager=pager is not False, coloured=form == "--patch")


def _write_json(survey: Survey, paths: tuple[str, ...]) -> None:
    from ....workspace.issue_work.diff import diff_files
    from ...ui.json_lines import json_bytes

    work = work_of(survey)
    found = diff_files(work, paths)
    key = survey.place_key
    document: dict[str, Any] = {
        "project": key.project,
        "issue": key.issue,
        "agent": key.agent,
        "workdir": _text(os.fsencode(work.directory)),
        "branch": work.checkout.branch,
        "base": found.base,
        "head": work.checkout.head,
        "files": [
            {
                "path": _text(each.path),
                "status": each.status,
                "added": each.added,
                "removed": each.removed,
            }
            for each in found.files
        ],
        "left_out": list(map(_text_of, found.left_out)),
    }
    sys.stdout.buffer.write(json_bytes(document) + b"\n")
    sys.stdout.buffer.flush()


def _text_of(line: str) -> str:
    return _text(os.fsencode(line))


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
