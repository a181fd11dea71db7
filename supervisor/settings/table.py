"""Every setting of a launch, one row each. Add a setting here; the rest follows.

From these rows come the options and ``--help`` of ``codexlab-run``, the variables, the keys
of both files, the readers, docs/settings.md, and `LaunchRequest.from_settings`. A default
stands in `LaunchRequest`; ``{default}`` in a help text shows it.
"""

from __future__ import annotations

from typing import Any

from . import kinds
from .files import DEFAULT_ROOT
from .kinds import PREFIX, Kind

FLAG, VARIABLE, USER, PROJECT = "flag", "variable", "user file", "project file"
_TRUSTED = (FLAG, VARIABLE, USER)
# The project file may have been written by an agent. It can make a run shorter or
# start it elsewhere, never let anything more in.
_ANYBODY = (*_TRUSTED, PROJECT)


class Setting:
    """One setting. Thirty dataclasses would cost a launch 1 ms.

    :param name: the key in files; flag and variable are derived from it.
    :param kind: how its values are read.
    :param group: the heading that it stands under in ``--help`` and docs/settings.md.
    :param help: what it does: its line in ``--help`` and on that page.
    :param other: any of the attributes below.
    """

    sources: tuple[str, ...] = _TRUSTED
    """Who may set it."""
    metavar: str = ""
    """The placeholder in ``--help``, where the kind's own says too little."""
    short: str = ""
    """A one-letter flag."""
    field: str = ""
    """The field of ``LaunchRequest``, where that has another name."""
    bare: str = ""
    """What the flag means without a value; empty where it needs one."""
    old: str = ""
    """Its name one version ago, which every source still accepts. No help shows it."""

    def __init__(self, name: str, kind: Kind, group: str, help: str, **other: Any) -> None:  # noqa: A002
        self.name = name
        self.kind = kind
        self.group = group
        self.help = help
        self.__dict__.update(other)

    @property
    def flag(self) -> str:
        """Return the long flag."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Return the environment variable."""
        return PREFIX + self.name.upper()


_WHAT, PLACE, _LIMITS, _RETRY = "What runs", "Where it works", "Limits", "Trying again"
AGENT, _OUTPUT = "What the agent gets", "What is said and kept"

SETTINGS: tuple[Setting, ...] = (
    Setting("issue", kinds.ANY_TEXT, _WHAT, "The task; one workspace belongs to it. Required."),
    Setting(
        "project",
        kinds.TEXT,
        _WHAT,
        "The project of the issue. Default: by the repository's origin.",
    ),
    Setting(
        "agent",
        kinds.AGENT,
        _WHAT,
        f"Which agent it is: {kinds.listed(kinds.AGENT)}. Default: by the command's name.",
    ),
    Setting(
        "workspaces_root", kinds.PATH, PLACE, f"Where workspaces live. Default: {DEFAULT_ROOT}."
    ),
    Setting(
        "repo",
        kinds.TEXT,
        PLACE,
        "Repository to work on. Default: the one started in.",
        metavar="PATH|URL",
    ),
    Setting("no_repo", kinds.SWITCH, PLACE, "Work in a plain directory of the workspace."),
    Setting("workdir", kinds.PATH, PLACE, "Run in DIR as it is; codexlab deletes nothing there."),
    Setting(
        "base",
        kinds.TEXT,
        PLACE,
        "What a new branch starts from. Default: HEAD.",
        sources=_ANYBODY,
        metavar="REV",
    ),
    Setting(
        "timeout",
        kinds.TIME_LIMIT,
        _LIMITS,
        "End the run after this long; exit 124.",
        sources=_ANYBODY,
        short="-t",
    ),
    Setting(
        "idle_timeout",
        kinds.TIME_LIMIT,
        _LIMITS,
        help="End the run after this long without output or CPU.",
        sources=_ANYBODY,
    ),
    Setting(
        "memory_max",
        kinds.SIZE_LIMIT,
        _LIMITS,
        "End the run when it holds more memory than this.",
        sources=_ANYBODY,
    ),
    Setting(
        "pids_max",
        kinds.PROCESSES,
        _LIMITS,
        "Let the run have at most this many processes.",
        sources=_ANYBODY,
    ),
    Setting(
        "cpu_max",
        kinds.CORES,
        _LIMITS,
        "Let the run use at most this many cores, as in 1.5.",
        sources=_ANYBODY,
    ),
    Setting(
        "retries",
        kinds.COUNT,
        _RETRY,
        "Try again this many times when it fails. Default: {default}.",
        sources=_ANYBODY,
    ),
    Setting(
        "retry_on",
        kinds.CODES,
        _RETRY,
        help="Only after these statuses, as in 1,75. Default: any.",
        sources=_ANYBODY,
    ),
    Setting(
        "grace",
        kinds.DURATION,
        _LIMITS,
        help="Time between the first signal and TERM to every process. Default: {default}.",
        short="-k",
    ),
    Setting(
        "wait",
        kinds.WAIT,
        PLACE,
        help="Wait for a busy workspace, for ever or this long (--wait=5m).",
        bare="forever",
    ),
    Setting(
        "stdin",
        kinds.TEXT,
        AGENT,
        "What the agent reads. Default: {default}.",
        metavar="auto|inherit|null|FILE",
    ),
    Setting(
        "events",
        kinds.TEXT,
        _OUTPUT,
        "Also write the run's events to this place, as NDJSON.",
        metavar="FD|PATH",
    ),
    Setting(
        "cargo_key",
        kinds.TEXT,
        AGENT,
        help="Cargo target key for this run. Default: the workspace's.",
        metavar="KEY",
        old="thread",
    ),
    Setting(
        "cargo_scope",
        kinds.CARGO_SCOPE,
        AGENT,
        help=f"Whose the cargo target is: {kinds.listed(kinds.CARGO_SCOPE)}. Default: {{default}}.",
        sources=_ANYBODY,
    ),
    Setting(
        "require_artifacts", kinds.SWITCH, AGENT, help="Fail when the artifact root cannot be used."
    ),
    Setting(
        "containment",
        kinds.CONTAINMENT,
        _LIMITS,
        f"What holds its processes: {kinds.listed(kinds.CONTAINMENT)}. Default: {{default}}.",
    ),
    Setting(
        "git_write",
        kinds.SWITCH,
        AGENT,
        help="Let codex's sandbox write the worktree's git directories.",
    ),
    Setting(
        "commit",
        kinds.SWITCH,
        AGENT,
        help="Commit what a completed run left uncommitted, as codexlab commit does.",
    ),
    Setting(
        "network",
        kinds.NETWORK,
        AGENT,
        "Let codex's tools reach the network. Default: as your config.toml says, else on.",
    ),
    Setting("sessions", kinds.SESSIONS, AGENT, "Where transcripts go. Default: {default}."),
    Setting(
        "sweep_beside_agents",
        kinds.SWITCH,
        _OUTPUT,
        help="Compress cold transcripts while the agent runs.",
    ),
    Setting(
        "sweep_cold_age",
        kinds.DURATION,
        _OUTPUT,
        help="Cold: not written for this long. Default: {default}.",
    ),
    Setting(
        "log_max_size",
        kinds.SIZE,
        _OUTPUT,
        "Rotate a log at this size. Default: {default}.",
        field="log_max_bytes",
    ),
    Setting(
        "pass_env",
        kinds.NAMES,
        AGENT,
        "Variables of yours to let through: names or globs, as --pass takes them.",
        sources=(VARIABLE, USER),
        field="user_pass",
    ),
    Setting(
        "set_env",
        kinds.PAIRS,
        AGENT,
        "Variables to set for the agent, as --set does: a table, or NAME=VALUE with commas.",
        sources=(VARIABLE, USER),
        field="user_set",
    ),
    Setting(
        "verbose", kinds.SWITCH, _OUTPUT, "Say where the agent works and how it ended.", short="-v"
    ),
    Setting(
        "quiet", kinds.SWITCH, _OUTPUT, "Say only why a run failed. It wins over -v.", short="-q"
    ),
)


def _by_old_name(row: Setting) -> Setting:
    """Return a row of its own for the same field, so that errors name what was given."""
    said: dict[str, Any] = {**vars(row), "name": row.old, "field": row.field or row.name, "old": ""}
    return Setting(**said)


OLD_NAMES = tuple(_by_old_name(each) for each in SETTINGS if each.old)
BY_NAME = {each.name: each for each in (*SETTINGS, *OLD_NAMES)}
PROJECT_KEYS = frozenset(name for name, each in BY_NAME.items() if PROJECT in each.sources)
# The tables of the user's file that have readers of their own.
TABLES = frozenset({"gc", "hooks"})
KNOWN_KEYS = frozenset(BY_NAME) | TABLES
