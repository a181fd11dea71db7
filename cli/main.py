"""``codexlab``: look after workspaces, build output and transcripts."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import click

from ..kernel.errors import CodexlabError
from ..supervisor.settings.home import check_home
from .context.directory import enter
from .ui.completion import answer, variable_of
from .ui.standard_streams import ensure_standard_streams, failed_call, stop_writing
from .ui.terminal import on_one_line
from .verbs import Verbs

PROGRAM = "codexlab"


@click.group(
    PROGRAM,
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Help for one command: codexlab help COMMAND",
)
@click.option(
    "-C",
    "directories",
    metavar="DIR",
    multiple=True,
    help="Work as if started in DIR.",
)
@click.version_option(None, "-V", "--version", package_name="codexlab", prog_name=PROGRAM)
def group(directories: tuple[str, ...]) -> None:
    """Run coding agents, and look after what they leave: runs, workspaces, transcripts."""
    for each in directories:
        enter(each)
    check_home(os.environ)


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit with its status; an error is one line on stderr and 125."""
    try:
        ensure_standard_streams()
        if (question := os.environ.get(variable_of(PROGRAM))) is not None:
            _leave(answer(group, PROGRAM, question))
        result = _invoke(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        _leave(130)
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
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
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
