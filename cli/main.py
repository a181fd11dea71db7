"""``codexlab``: look after workspaces, build output and transcripts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import click

from ..kernel.errors import CodexlabError
from ..supervisor.settings.home import check_home
from .ui.lazy_group import LazyGroup, Load
from .ui.standard_streams import ensure_standard_streams, failed_call, stop_writing
from .ui.terminal import on_one_line

PROGRAM = "codexlab"


def _artifacts() -> click.Command:
    from .commands.artifacts.group import artifacts

    return artifacts


def _env() -> click.Command:
    from .commands.env import env

    return env


def _ps() -> click.Command:
    from .commands.ps import ps

    return ps


def _reap() -> click.Command:
    from .commands.reap import reap

    return reap


def _rollout() -> click.Command:
    from .commands.rollout.group import rollout

    return rollout


def _workspace() -> click.Command:
    from .commands.workspace.group import workspace

    return workspace


class _Commands(LazyGroup):
    """The commands of ``codexlab``."""

    loaders: ClassVar[Mapping[str, tuple[Load, str]]] = {
        "artifacts": (
            _artifacts,
            "Build output on the artifact volume: places, sizes, cleaning.",
        ),
        "env": (_env, "The variables of your environment that an agent sees, and why."),
        "ps": (
            _ps,
            "List the runs that are alive; with --all also those that ended, and how.",
        ),
        "reap": (_reap, "End processes that dead runs left, and finish their records."),
        "rollout": (_rollout, "Transcripts: list, show, search, compress, verify."),
        "workspace": (
            _workspace,
            "Workspaces: list, show, heal, and collect old ones.",
        ),
    }


@click.group(PROGRAM, cls=_Commands, epilog="To launch an agent: codexlab-run --help")
@click.version_option(package_name="codexlab", prog_name=PROGRAM)
def group() -> None:
    """Look after the workspaces, build output and transcripts of codexlab-run."""
    check_home(os.environ)


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit with its status; an error is one line on stderr and 125."""
    try:
        ensure_standard_streams()
        result = _invoke(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        _leave(130)
    except click.exceptions.NoArgsIsHelpError as error:
        _fail(f"no command; see {_command_of(error)} --help", 125)
    except click.ClickException as error:
        _fail(f"{error.format_message().rstrip('.')}; see {_command_of(error)} --help", 125)
    except CodexlabError as error:
        _fail(str(error), error.exit_status)
    except BrokenPipeError:
        # The reader of stdout has gone.
        _leave(141)
    except OSError as error:
        _fail(failed_call(error), 125)
    sys.exit(result if isinstance(result, int) else 0)


def _invoke(argv: list[str]) -> Any:
    """Run the command; ``click``'s own ``main`` would report a closed pipe as a failure, 1."""
    try:
        with group.make_context(PROGRAM, list(argv)) as context:
            return group.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code


def _command_of(error: click.ClickException) -> str:
    """Return the command to name in a hint to ``--help``."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return PROGRAM if context is None else context.command_path


def _fail(line: str, status: int) -> NoReturn:
    try:
        # It is None if the caller closed it and /dev/null cannot take its place.
        if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stderr.write(f"{PROGRAM}: {on_one_line(line)}\n")
            sys.stderr.flush()
    except OSError:
        stop_writing(2)
    _leave(status)


def _leave(status: int) -> NoReturn:
    """Exit; after a failed write to stdout Python must not try again, or it would complain."""
    try:
        # It can be None, as stderr above.
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stdout.flush()
    except OSError:
        stop_writing(1)
    sys.exit(status)
