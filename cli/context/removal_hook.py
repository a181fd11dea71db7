"""The hook ``before_remove`` of ``workspace remove`` and ``workspace gc``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...kernel.values import frozen
from ...supervisor.settings.kinds import PREFIX
from ..ui.non_empty import NON_EMPTY_TEXT
from ..ui.terminal import on_one_line
from .workspaces import shared_home, user_config

# Imported on use: ``--help`` and a wrong option need none of it.
if TYPE_CHECKING:
    from ...supervisor.request import HookCommand
    from ...workspace.gc.remove import BeforeRemove
    from ...workspace.gc.survey import Survey
    from ..ui.faults import Faults

NAME = "before_remove"
_FLAGS = (NAME, "timeout")
# What the hook has in common with a launch.
_FIELDS = ("containment", "grace", "user_pass", "user_set", "log_max_bytes")

hook_option = click.option(
    "--hook-before-remove",
    metavar="CMD",
    help=f"Run this command before each removal.  [{PREFIX}HOOK_BEFORE_REMOVE]",
)
limit_option = click.option(
    "--hook-timeout",
    type=NON_EMPTY_TEXT,
    metavar="DURATION",
    help=f"Its time limit; 5m.  [{PREFIX}HOOK_TIMEOUT]",
)


@frozen
class RemovalHook:
    """The hook in force.

    :param command: the command as the user wrote it.
    :param attend: the function that a removal calls.
    """

    command: HookCommand
    attend: BeforeRemove

    @property
    def shown(self) -> str:
        """Return the command as one line of a shell."""
        return self.command if isinstance(self.command, str) else shlex.join(self.command)


def find_removal_hook(command: str | None, limit: str | None, root: Path) -> RemovalHook | None:
    """Return the hook of flag, variable or user config; None without a hook.

    :raises CallerError: one of them has a wrong value.
    """
    flags = {NAME: command, "timeout": limit}
    named = command is not None or limit is not None
    variables = any(f"{PREFIX}HOOK_{key.upper()}" in os.environ for key in _FLAGS)
    config = user_config()
    if not (named or variables or "hooks" in config.settings):
        return None
    from ...supervisor.hooks.before_remove import before_remove_hook
    from ...supervisor.request import LaunchRequest
    from ...supervisor.settings.fields import as_fields, merge_settings
    from ...supervisor.settings.hooks import read_hooks

    hooks, seconds = read_hooks(flags, os.environ, config)
    if NAME not in hooks:
        return None
    # The project file of the current directory does not apply to other workspaces.
    given = as_fields(merge_settings({}, os.environ, (config,)))
    request = LaunchRequest(
        issue="",
        command=(),
        environ=dict(os.environ),
        cwd=Path("/"),
        workspaces_root=root,
        shared_home=shared_home(),
        **{name: value for name, value in given.items() if name in _FIELDS},
        hooks={NAME: hooks[NAME]},
        hook_timeout=seconds,
    )
    return RemovalHook(hooks[NAME], before_remove_hook(request, _tell))


def end_left_by_removals(surveys: Iterable[Survey], faults: Faults | None = None) -> bool:
    """End processes that hooks of killed removals left; tell whether there was a killed removal.

    :param faults: hears of a removal whose processes cannot be ended; the others are ended.
    """
    cut = [survey for survey in surveys if survey.is_cut_removal]
    if cut:
        from ...supervisor.hooks.before_remove import end_left_by_removal

        if faults is None:
            for survey in cut:
                end_left_by_removal(survey)
        else:
            faults.each(cut, end_left_by_removal, lambda survey: survey.place)
    return bool(cut)


def _tell(line: str) -> None:
    click.echo(on_one_line(f"codexlab: {line}"), err=True)
