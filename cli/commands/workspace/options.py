"""The options that several commands of ``codexlab workspace`` have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ...context.completion import complete_issues
from ...ui.non_empty import NON_EMPTY_TEXT

Command = Callable[..., Any]

root_option = click.option(
    "--root", type=NON_EMPTY_TEXT, metavar="DIR", help="The workspaces root."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")


_CHOICE = (
    root_option,
    click.option("--agent", type=NON_EMPTY_TEXT, metavar="NAME", help="Only of this agent."),
    click.option("--project", type=NON_EMPTY_TEXT, metavar="NAME", help="Of this project only."),
)


def one_workspace(command: Command) -> Command:
    """Add the options that choose one workspace."""
    for option in (*_CHOICE, click.argument("issue", shell_complete=complete_issues)):
        command = option(command)
    return command


def several_workspaces(command: Command) -> Command:
    """Add the options that choose the workspaces of one or more issues."""
    issues = click.argument(
        "issues", metavar="ISSUE...", nargs=-1, required=True, shell_complete=complete_issues
    )
    for option in (*_CHOICE, issues):
        command = option(command)
    return command
