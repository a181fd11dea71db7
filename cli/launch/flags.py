"""The flags of ``codexlab-run``, and the request they and the settings make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ...kernel.errors import CallerError
from ...kernel.values import frozen
from ...supervisor.request import LaunchRequest
from ...supervisor.settings.fields import HOOK_KEYS, absolute, merge_settings, read_fields
from ...supervisor.settings.home import check_home
from ...supervisor.settings.literals import check_passed_name
from ...supervisor.settings.table import AGENT, PLACE, SETTINGS
from ..context.completion import complete_files
from ..ui.grouped_help import GroupedHelp, grouped_option
from ..ui.non_empty import NON_EMPTY_TEXT
from .options import HOOKS, own_option, setting_options

PROGRAM = "codexlab-run"


@frozen
class Invocation:
    """One call of ``codexlab-run``: the request, and whether only to explain it."""

    request: LaunchRequest
    dry_run: bool
    as_json: bool


class UsageError(CallerError):
    """The command line cannot be understood."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem.rstrip('.')}; see {PROGRAM} --help")


def _refuse_late(_context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    """Refuse a directory that would change what an option before it meant."""
    if value is not None:
        raise click.UsageError(f"-C {value} stands before all other options")


@click.command(
    PROGRAM,
    cls=GroupedHelp,
    others="Instead of a run",
    context_settings={
        "allow_interspersed_args": False,
        "max_content_width": 100,
        "help_option_names": ["-h", "--help"],
    },
    options_metavar="[OPTIONS]",
    epilog="Exit status: the command's own. Otherwise: 124 time limit; 125 codexlab failed;"
    " 126 not executable; 127 not found; 128+n died by signal n; 75 workspace or thread busy.",
)
@setting_options
@grouped_option(
    AGENT,
    "-i",
    "--tty",
    "terminal",
    is_flag=True,
    help="Give the agent a terminal, joined to yours.",
)
@grouped_option(
    AGENT,
    "--pass",
    "pass_names",
    metavar="NAME",
    multiple=True,
    help="Let a variable (or glob) of your environment through.",
)
@grouped_option(
    AGENT,
    "--set",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a variable for the agent.",
)
@grouped_option(
    AGENT,
    "--env-file",
    type=NON_EMPTY_TEXT,
    metavar="FILE",
    multiple=True,
    help="Set variables from a file.",
)
@grouped_option(
    AGENT,
    "--context",
    type=NON_EMPTY_TEXT,
    metavar="FILE",
    multiple=True,
    help="Give the agent a file of this task.",
)
@own_option(
    HOOKS, "--hook-after-create", metavar="CMD", help="Run once in a new workdir, by /bin/sh."
)
@own_option(
    HOOKS, "--hook-before-run", metavar="CMD", help="Run before the agent; a failure ends the run."
)
@own_option(HOOKS, "--hook-after-run", metavar="CMD", help="Run after the agent, however it ended.")
@own_option(
    HOOKS, "--hook-timeout", metavar="DURATION", help="End a hook after this long. Default: 5m."
)
@click.option("--dry-run", is_flag=True, help="Print the plan and touch nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: one JSON object.")
@grouped_option(
    PLACE,
    "-C",
    "directory",
    metavar="DIR",
    callback=_refuse_late,
    expose_value=False,
    help="Work as if started in DIR. It stands before all other options.",
)
@click.version_option(None, "-V", "--version", package_name="codexlab", prog_name=PROGRAM)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, shell_complete=complete_files)
def options(**values: Any) -> dict[str, Any]:
    """Run one agent: clean environment, its own workspace, proof that no process is left.

    \b
    codexlab-run --issue 123 -- codex exec -s workspace-write "Fix the parser"
    codexlab-run --issue 123 -- codex exec {resume} "Now add a test"

    An argument that is exactly {resume} becomes the agent's resume arguments.
    """  # noqa: D301 - click takes the character itself for "do not rewrap"
    return values


def read_invocation(argv: Sequence[str], environ: Mapping[str, str]) -> Invocation | int:
    """Turn argv and settings into one request.

    :returns: an exit status instead, if only help or version was asked for.
    :raises CallerError: the command line or a setting is wrong; the message is one line.
    """
    try:
        # click's own main() would exit with 1 if stdout's reader has gone.
        with options.make_context(PROGRAM, list(argv)) as context:
            values = options.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        _check_optional_values(argv, error)
        raise UsageError(error.format_message()) from None
    check_home(environ)
    return _invocation(values, environ)


def _check_optional_values(argv: Sequence[str], error: click.ClickException) -> None:
    """Find the flag of which click took a value with a dash for the next option (--wait=-5).

    :raises SettingError: there is such a flag.
    """
    if not isinstance(error, click.NoSuchOption):
        return
    for row in SETTINGS:
        start = f"{row.flag}={error.option_name}"
        value = next((word for word in argv if row.bare and word.startswith(start)), None)
        if value is not None:
            merge_settings({row.name: value.partition("=")[2]}, {}, ())


def _invocation(values: dict[str, Any], environ: Mapping[str, str]) -> Invocation:
    dry_run, as_json = values.pop("dry_run"), values.pop("as_json")
    command = tuple(values.pop("command"))
    context = values.pop("context")
    terminal = values.pop("terminal")
    extra = _environment_flags(values)
    extra["terminal"] = terminal
    cwd = _current_directory()
    extra["context"] = tuple(absolute(path, cwd) for path in context)
    hooks = {key: values.pop(f"hook_{key}") for key in HOOK_KEYS}
    flags = {name: value for name, value in values.items() if value is not None}
    fields = read_fields(flags, hooks, environ, cwd)
    if as_json and not dry_run:
        raise UsageError("--json goes with --dry-run")
    if not command:
        raise UsageError("no command: expected codexlab-run --issue 123 -- COMMAND")
    if not command[0]:
        raise UsageError("the command's name is empty")
    if not fields.get("issue"):
        raise UsageError("no issue: expected --issue TEXT, the task this run belongs to")
    return Invocation(LaunchRequest(command=command, **fields, **extra), dry_run, as_json)


def _environment_flags(values: dict[str, Any]) -> dict[str, Any]:
    names, assignments = values.pop("pass_names"), values.pop("assignments")
    files = values.pop("env_file")
    for name in names:
        try:
            check_passed_name(name)
        except ValueError as error:
            raise UsageError(f"--pass {name!r}: {error} (--set gives a value)") from None
    if not assignments and not files:
        return {"pass_names": names}
    from ...env.policy.assignments import parse_assignment, parse_env_file

    return {
        "pass_names": names,
        "set_values": tuple(parse_assignment(text) for text in assignments),
        "file_values": tuple(pair for path in files for pair in parse_env_file(path)),
    }


def _current_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current directory was removed; change to one that exists") from None
