"""``codexlab``: look after what launches leave."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from ..kernel import CodexlabError
from ._home import check_home
from ._standard_streams import ensure_standard_streams, failed_call, stop_writing
from ._terminal import on_one_line

PROGRAM = "codexlab"
_GROUPS = {
    "artifacts": (
        "_artifacts",
        "Build output on the artifact volume: where it goes, what it takes.",
    ),
    "env": ("_env", "What an agent gets to see of your environment, and why."),
    "ps": ("_ps", "Which runs there are now; with --all, which there were and how they ended."),
    "reap": ("_reap", "End what dead runs left and finish their records."),
    "rollout": ("_rollout", "Transcripts: list, show, search, compress, verify."),
    "workspace": ("_workspace", "Workspaces: who holds them, their state, collecting old ones."),
}


class _LazyGroup(click.Group):
    """Loads a command's module when it is called, not when another one is."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(_GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _GROUPS:
            return None
        module = import_module(f".{_GROUPS[cmd_name][0]}", __package__)
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(_GROUPS.items())])


@click.group(PROGRAM, cls=_LazyGroup, epilog="To launch an agent: codexlab-run --help")
@click.version_option(package_name="codexlab", prog_name=PROGRAM)
def group() -> None:
    """Look after what codexlab-run leaves: workspaces, build output, transcripts."""
    check_home(os.environ)


def main(argv: list[str] | None = None, ahead: object = None) -> None:
    """Run one command and exit with its status; an error is one line on stderr and 125.

    :param ahead: what was begun for the command before it was read, for it to use.
    """
    try:
        ensure_standard_streams()
        result = _invoke(sys.argv[1:] if argv is None else argv, ahead)
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
        # The reader has seen enough.
        _leave(141)
    except OSError as error:
        _fail(failed_call(error), 125)
    sys.exit(result if isinstance(result, int) else 0)


def _invoke(argv: list[str], ahead: object) -> Any:
    """Run the command; ``click``'s own ``main`` would take a closed pipe for a failure, 1."""
    try:
        with group.make_context(PROGRAM, list(argv), obj=ahead) as context:
            return group.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code


def _command_of(error: click.ClickException) -> str:
    """Return the command whose help says what was expected."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return PROGRAM if context is None else context.command_path


def _fail(line: str, status: int) -> NoReturn:
    try:
        # None where the caller closed it and there is no /dev/null to take its place.
        if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stderr.write(f"{PROGRAM}: {on_one_line(line)}\n")
            sys.stderr.flush()
    except OSError:
        stop_writing(2)
    _leave(status)


def _leave(status: int) -> NoReturn:
    """Exit; what stdout would not take is not tried again, for Python would complain of that."""
    try:
        # None as stderr can be, see above.
        if sys.stdout is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stdout.flush()
    except OSError:
        stop_writing(1)
    sys.exit(status)
