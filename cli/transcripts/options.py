"""Shared by the rollout commands: home, choice of rollouts, errors."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ...kernel.errors import CallerError
from ...rollout.catalog.filters import Filters
from ...rollout.store.names import RolloutForm
from ...supervisor.settings.literals import parse_duration
from ...workspace.users_codex_home import users_codex_home
from ..ui.grouped_help import grouped_option
from ..ui.non_empty import NON_EMPTY_TEXT
from ..ui.one_of import one_of

# The heading of what chooses rollouts, in the help of commands that have headings.
WHICH = "Which transcripts"
_Command = TypeVar("_Command", bound=Callable[..., Any])


class NoSuchHomeError(CallerError):
    """The codex home that was asked for is no directory.

    :param home: its path.
    """

    def __init__(self, home: str) -> None:
        self.home = home
        super().__init__(
            f"codex home {home} is not a directory; give --codex-home or set CODEX_HOME"
        )


def home_option(command: _Command) -> _Command:
    """Add ``--codex-home``."""
    return grouped_option(
        WHICH,
        "--codex-home",
        "home",
        type=NON_EMPTY_TEXT,
        metavar="DIR",
        callback=_home,
        help="The codex home of the rollouts.  [default: $CODEX_HOME, else ~/.codex]",
    )(command)


def _home(ctx: click.Context, param: click.Parameter, given: str | None) -> str:
    del ctx, param
    home = given or users_codex_home(os.environ)
    if not os.path.isdir(home):
        raise NoSuchHomeError(home)
    return home


def json_option(command: _Command) -> _Command:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")(command)


def filter_options(command: _Command) -> _Command:
    """Add the options that choose rollouts; `filters_from` reads them."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


_FILTERS = (
    grouped_option(
        WHICH, "--since", metavar="DATE|AGE", help="Begun at this time or later: 2026-01-31, or 7d."
    ),
    grouped_option(WHICH, "--until", metavar="DATE|AGE", help="Begun before this time."),
    grouped_option(
        WHICH, "--cwd", type=NON_EMPTY_TEXT, metavar="DIR", help="The agent worked in it or below."
    ),
    grouped_option(
        WHICH,
        "--issue",
        type=NON_EMPTY_TEXT,
        metavar="ISSUE",
        help="Threads of this issue's workspaces.",
    ),
    grouped_option(WHICH, "--active", is_flag=True, help="Only active rollouts."),
    grouped_option(WHICH, "--archived", is_flag=True, help="Only archived rollouts."),
    grouped_option(
        WHICH,
        "--form",
        type=click.Choice([form.value for form in RolloutForm]),
        help="Only rollouts in this form.",
    ),
    grouped_option(
        WHICH, "--no-subagents", is_flag=True, help="Leave out threads that an agent began."
    ),
)


def filters_from(
    since: str | None,
    until: str | None,
    cwd: str | None,
    issue: str | None,
    active: bool,
    archived: bool,
    form: str | None,
    no_subagents: bool,
) -> Filters:
    """Read the options of `filter_options`.

    :raises click.UsageError: a date is wrong, or two places were asked for.
    """
    place = one_of(active=active, archived=archived)
    return Filters(
        since=None if since is None else moment(since, "--since"),
        until=None if until is None else moment(until, "--until"),
        cwd=None if cwd is None else os.path.abspath(cwd),
        threads=None if issue is None else _threads_of(issue),
        archived=None if place is None else place == "archived",
        form=None if form is None else RolloutForm(form),
        subagents=False if no_subagents else None,
    )


def _threads_of(issue: str) -> frozenset[str]:
    # Only a filter by issue needs the modules for workspaces.
    from ..context.issue_threads import threads_by_issue

    return frozenset(thread for thread, of in threads_by_issue().items() if of == issue)


def moment(text: str, option: str) -> str:
    """Convert a date, a time or an age to codex's form of a time.

    A time without a zone is local. An age beyond the calendar's beginning means its first day.
    """
    try:
        dated = text[:4].isdecimal() and "-" in text
        then = dt.datetime.fromisoformat(text) if dated else _ago(parse_duration(text))
    except (ValueError, OverflowError):
        message = f"{text!r}: expected a date such as 2026-01-31, a time, or an age such as 7d"
        raise click.BadParameter(message, param_hint=option) from None
    # At either end of the calendar, UTC lies outside it. No entry has such a time.
    with contextlib.suppress(ValueError, OverflowError):
        then = then.astimezone(dt.UTC)
    return then.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _ago(seconds: float) -> dt.datetime:
    try:
        return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
    except OverflowError:
        return dt.datetime.min


def local_time(written: str) -> dt.datetime:
    """Convert a time in codex's form to local time without a zone, to be shown."""
    then = dt.datetime.fromisoformat(written)
    with contextlib.suppress(ValueError, OverflowError):
        then = then.astimezone()
    return then.replace(tzinfo=None)
