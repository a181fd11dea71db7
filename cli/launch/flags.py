"""The flags of ``codexlab-run``, and the request they and the settings make."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ...kernel.errors import CallerError
from ...kernel.values import frozen
from ...supervisor.request import LaunchRequest
from ..settings.files import ConfigFile
from ..settings.home import check_home
from ..settings.merge import PREFIX, SettingValues, merge_settings, read_files
from ..ui.non_empty import NON_EMPTY_TEXT

PROGRAM = "codexlab-run"
_HOOK_FLAGS = ("after_create", "before_run", "after_run", "timeout")
_HOOK_VARIABLES = frozenset(f"{PREFIX}HOOK_{name.upper()}" for name in _HOOK_FLAGS)
_Command = TypeVar("_Command", bound=Callable[..., Any])


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


def _flag(*names: str, help: str, **extra: Any) -> Callable[[_Command], _Command]:  # noqa: A002
    """Declare one flag; the variable that sets it too is shown in the help."""
    long = next(name for name in names if name.startswith("--"))
    variable = PREFIX + long.lstrip("-").replace("-", "_").upper()
    return click.option(*names, help=f"{help}  [{variable}]", default=None, **extra)


@click.command(
    PROGRAM,
    context_settings={"allow_interspersed_args": False, "max_content_width": 100},
    options_metavar="[OPTIONS]",
    epilog="Exit status: the command's own; 124 time limit; 125 codexlab failed;"
    " 126 not executable; 127 not found; 128+n died by signal n; 75 workspace or thread busy.",
)
@click.version_option(package_name="codexlab", prog_name=PROGRAM)
@_flag("--issue", metavar="TEXT", help="The task; one workspace belongs to it. Required.")
@_flag("--project", metavar="TEXT", help="Default: by the repository's origin.")
@_flag("--agent", metavar="NAME", help="codex, claude or generic. Default: by the command's name.")
@_flag("--workspaces-root", metavar="DIR", help="Default: ~/codexlab/workspaces.")
@_flag("--repo", metavar="PATH|URL", help="Repository to work on. Default: the one started in.")
@_flag("--no-repo", is_flag=True, help="Work in a plain directory of the workspace.")
@_flag("--workdir", metavar="DIR", help="Supervise in a directory somebody else owns.")
@_flag("--base", metavar="REV", help="What a new branch starts from. Default: HEAD.")
@_flag("-t", "--timeout", metavar="DURATION", help="End the run after this long; exit 124.")
@_flag("--idle-timeout", metavar="DURATION", help="End it after this long without output or CPU.")
@_flag("--memory-max", metavar="SIZE", help="End it when it holds more memory than this.")
@_flag("--pids-max", metavar="N", help="Let it have no more processes than this.")
@_flag("--cpu-max", metavar="CORES", help="Let it use no more CPU than this, as in 1.5.")
@_flag("--retries", metavar="N", help="Try again so often when it fails. Default: 0.")
@_flag("--retry-on", metavar="CODES", help="Only after these statuses, as in 1,75. Default: any.")
@_flag(
    "-k", "--grace", metavar="DURATION", help="From the first signal to TERM for all. Default: 10s."
)
@_flag(
    "--wait",
    metavar="DURATION",
    is_flag=False,
    flag_value="forever",
    help="Wait for a busy workspace, for ever or this long (--wait=5m).",
)
@_flag("--stdin", metavar="auto|inherit|null|FILE", help="What the agent reads. Default: auto.")
@click.option(
    "-i", "--tty", "terminal", is_flag=True, help="Give the agent a terminal, joined to yours."
)
@_flag("--events", metavar="FD|PATH", help="Write the run's events there too, as NDJSON.")
@_flag("--thread", metavar="KEY", help="Cargo target key for this run. Default: the workspace's.")
@_flag("--cargo-scope", metavar="SCOPE", help="agent, worktree, shared or off. Default: agent.")
@_flag("--require-artifacts", is_flag=True, help="Fail when the artifact root cannot be used.")
@_flag("--containment", metavar="KIND", help="auto, cgroup, subreaper or process-group.")
@_flag(
    "--git-write", is_flag=True, help="Let codex's sandbox write the worktree's git directories."
)
@_flag("--sessions", metavar="shared|issue", help="Where transcripts go. Default: shared.")
@_flag(
    "--sweep-beside-agents", is_flag=True, help="Compress cold transcripts while the agent runs."
)
@_flag("--sweep-cold-age", metavar="DURATION", help="Cold: not written for so long. Default: 7d.")
@_flag("--log-max-size", metavar="SIZE", help="Rotate a log at this size. Default: 64M.")
@click.option(
    "--pass",
    "pass_names",
    metavar="NAME",
    multiple=True,
    help="Let a variable (or glob) of your environment through.",
)
@click.option(
    "--set",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a variable for the agent.",
)
@click.option(
    "--context",
    type=NON_EMPTY_TEXT,
    metavar="FILE",
    multiple=True,
    help="Give the agent a file of this task.",
)
@click.option(
    "--env-file",
    type=NON_EMPTY_TEXT,
    metavar="FILE",
    multiple=True,
    help="Set variables from a file.",
)
@_flag("--hook-after-create", metavar="CMD", help="Run once in a new workdir, by /bin/sh.")
@_flag("--hook-before-run", metavar="CMD", help="Run before the agent; failing, it prevents that.")
@_flag("--hook-after-run", metavar="CMD", help="Run after the agent, whatever came of it.")
@_flag("--hook-timeout", metavar="DURATION", help="End a hook after this long. Default: 5m.")
@_flag("-v", "--verbose", is_flag=True, help="Say where the agent works and how it ended.")
@click.option("--dry-run", is_flag=True, help="Print the plan and touch nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: one JSON object.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def options(**values: Any) -> dict[str, Any]:
    """Run one agent: clean environment, its own workspace, proof that nothing is left.

    \b
    codexlab-run --issue 123 -- codex exec -s workspace-write "Fix the parser"
    codexlab-run --issue 123 -- codex exec {resume} "Now add a test"

    An argument that is exactly {resume} becomes the agent's resume arguments.
    """  # noqa: D301 - click takes the character itself for "do not rewrap"
    return values


def read_invocation(argv: Sequence[str], environ: Mapping[str, str]) -> Invocation | int:
    """Turn argv and settings into one request.

    :returns: an exit status instead where only help or version was asked for.
    :raises CallerError: in one line, what is wrong.
    """
    try:
        # Not click's own main(): it exits with 1 where stdout's reader has gone.
        with options.make_context(PROGRAM, list(argv)) as context:
            values = options.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        raise UsageError(error.format_message()) from None
    check_home(environ)
    return _invocation(values, environ)


def _invocation(values: dict[str, Any], environ: Mapping[str, str]) -> Invocation:
    dry_run, as_json = values.pop("dry_run"), values.pop("as_json")
    command = tuple(values.pop("command"))
    context = values.pop("context")
    terminal = values.pop("terminal")
    extra = _environment_flags(values)
    extra["terminal"] = terminal
    cwd = _current_directory()
    extra["context"] = tuple(_absolute(Path(path), cwd) for path in context)
    hooks = {name: values.pop(f"hook_{name}") for name in _HOOK_FLAGS}
    flags = {name: value for name, value in values.items() if value is not None}
    files = read_files(environ, cwd)
    settings = merge_settings(flags, environ, files)
    extra.update(_hooks(hooks, environ, files[1]))
    if as_json and not dry_run:
        raise UsageError("--json goes with --dry-run")
    if not command:
        raise UsageError("no command: expected codexlab-run --issue 123 -- COMMAND")
    if not command[0]:
        raise UsageError("the command's name is empty")
    if not settings.issue:
        raise UsageError("no issue: expected --issue TEXT, the task this run belongs to")
    return Invocation(_request(settings, command, environ, cwd, extra), dry_run, as_json)


def _environment_flags(values: dict[str, Any]) -> dict[str, Any]:
    names, assignments = values.pop("pass_names"), values.pop("assignments")
    files = values.pop("env_file")
    for name in names:
        if not name or "=" in name:
            raise UsageError(
                f"--pass {name!r}: expected a variable's name or glob (--set gives a value)"
            )
    if not assignments and not files:
        return {"pass_names": names}
    from ...env.policy.assignments import parse_assignment, parse_env_file

    return {
        "pass_names": names,
        "set_values": tuple(parse_assignment(text) for text in assignments),
        "file_values": tuple(pair for path in files for pair in parse_env_file(path)),
    }


def _hooks(
    flags: Mapping[str, str | None], environ: Mapping[str, str], config: ConfigFile
) -> dict[str, Any]:
    """Return the request's fields about hooks; nothing is loaded for them where there are none."""
    named = any(value is not None for value in flags.values())
    if not (named or "hooks" in config.settings or _HOOK_VARIABLES & environ.keys()):
        return {}
    from ..settings.hooks import read_hooks

    commands, limit = read_hooks(flags, environ, config)
    commands.pop("before_remove", None)
    return {"hooks": commands, "hook_timeout": limit}


def _current_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current directory was removed; change to one that exists") from None


def _request(
    settings: SettingValues,
    command: tuple[str, ...],
    environ: Mapping[str, str],
    cwd: Path,
    extra: Mapping[str, Any],
) -> LaunchRequest:
    same = (
        "issue",
        "project",
        "agent",
        "repo",
        "no_repo",
        "base",
        "timeout",
        "idle_timeout",
        "memory_max",
        "pids_max",
        "cpu_max",
        "retries",
        "retry_on",
        "grace",
        "wait",
        "stdin",
        "events",
        "thread",
        "cargo_scope",
        "require_artifacts",
        "containment",
        "git_write",
        "sessions",
        "sweep_beside_agents",
        "sweep_cold_age",
        "verbose",
    )
    return LaunchRequest(
        **{name: getattr(settings, name) for name in same},
        **extra,
        command=command,
        environ=dict(environ),
        cwd=cwd,
        workspaces_root=_absolute(settings.workspaces_root, cwd),
        shared_home=_absolute(Path(environ.get("CODEX_HOME") or "~/.codex"), cwd),
        workdir=None if settings.workdir is None else _absolute(settings.workdir, cwd),
        user_pass=settings.pass_env,
        user_set=settings.set_env,
        log_max_bytes=settings.log_max_size,
    )


def _absolute(path: Path, cwd: Path) -> Path:
    return Path(os.path.abspath(cwd / os.path.expanduser(path)))
