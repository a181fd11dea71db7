"""The caller's request: one frozen value, read once. Nothing reads settings after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from ..env.cargo import CargoScope
from ..kernel.values import frozen
from ..workspace.users_codex_home import SessionMode
from .containment_choice import ContainmentChoice
from .lifecycle.ladder import DEFAULT_GRACE
from .settings.hook_names import DEFAULT_HOOK_TIMEOUT, HOOK_NAMES, LAUNCH_HOOKS, HookCommand

__all__ = [
    "DEFAULT_HOOK_TIMEOUT",
    "HOOK_NAMES",
    "LAUNCH_HOOKS",
    "HookCommand",
    "LaunchRequest",
]


@frozen
class LaunchRequest:
    """One run of one agent.

    :param issue: the caller's name of the task; any text.
    :param command: the agent's argv, byte for byte, except that an argument which
        is exactly ``{resume}`` stands for the agent's resume arguments.
    :param environ: the caller's environment, from which the agent's is built.
    :param cwd: the directory the caller stands in.
    :param workspaces_root: where workspaces live; absolute.
    :param shared_home: the user's own codex home.
    :param agent: one of `AgentName`, as a member or its word; None: decided by the command's name.
    :param project: None: decided by the repository.
    :param base: what a new branch starts from.
    :param no_repo: work in a plain directory even when started in a repository.
    :param repo: path or URL of the repository to work on instead of ``cwd``'s.
    :param workdir: a directory somebody else owns, to be supervised in place.
    :param timeout: seconds for the whole run, or None.
    :param idle_timeout: seconds without output and below 1 % of a core, or None.
    :param memory_max: bytes for the whole run, or None.
    :param pids_max: processes at once, or None; needs the kernel's controller.
    :param cpu_max: cores, or None; needs the kernel's controller.
    :param retries: how many attempts may follow the first.
    :param retry_on: exit statuses that are retried; empty: every failure.
    :param grace: seconds between the first signal and TERM to everything.
    :param wait: seconds to wait for a busy workspace; 0 not at all, None for ever.
    :param stdin: ``auto``, ``inherit``, ``null`` or a path.
    :param terminal: give the agent a terminal of its own, joined to that on stdin and
        stdout; only where this process was started from one.
    :param events: descriptor number or path that receives the events too.
    :param context: files the agent finds in ``CODEXLAB_RUN_CONTEXT``, those of this task only.
    :param cargo_key: the cargo target key for this run, or None for the stored one.
    :param sweep_beside_agents: compress cold rollouts while the agent runs.
    :param sweep_cold_age: seconds since their last write for such a sweep.
    :param git_write: let the agent's sandbox write the worktree's git directories.
    :param commit: commit what a completed run left uncommitted, with the caller as the author.
    :param network: whether the agent's tools reach the network, one of `NetworkAccess`, as a
        member or its word; None: as the user's configuration says, else on.
    :param hooks: by name, ``after_create``, ``before_run`` and ``after_run``: a text for
        ``/bin/sh -c``, or an argv. Trust them like the command: they are not the agent's.
    :param hook_timeout: seconds each hook may take.
    :param log_max_bytes: size at which a log is rotated; the one before is kept.
    :param origins: the variable or file that set a value, by the setting's name. Errors name it
        instead of the flag.
    """

    issue: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    cwd: Path
    workspaces_root: Path
    shared_home: Path
    agent: str | None = None
    project: str | None = None
    base: str | None = None
    no_repo: bool = False
    repo: str | None = None
    workdir: Path | None = None
    timeout: float | None = None
    idle_timeout: float | None = None
    memory_max: int | None = None
    pids_max: int | None = None
    cpu_max: float | None = None
    retries: int = 0
    retry_on: tuple[int, ...] = ()
    grace: float = DEFAULT_GRACE
    wait: float | None = 0.0
    stdin: str = "auto"
    terminal: bool = False
    events: str | None = None
    context: tuple[Path, ...] = ()
    cargo_key: str | None = None
    cargo_scope: str = CargoScope.AGENT
    require_artifacts: bool = False
    containment: str = ContainmentChoice.AUTO
    git_write: bool = False
    commit: bool = False
    network: str | None = None
    sessions: str = SessionMode.SHARED
    sweep_beside_agents: bool = False
    sweep_cold_age: float = 7 * 86400.0
    user_pass: tuple[str, ...] = ()
    user_set: tuple[tuple[str, str], ...] = ()
    pass_names: tuple[str, ...] = ()
    set_values: tuple[tuple[str, str], ...] = ()
    file_values: tuple[tuple[str, str], ...] = ()
    hooks: Mapping[str, HookCommand] = field(default_factory=dict[str, HookCommand])
    hook_timeout: float = DEFAULT_HOOK_TIMEOUT
    log_max_bytes: int = 64 * 1024 * 1024
    verbose: bool = False
    quiet: bool = False
    warnings: tuple[str, ...] = field(default=())
    origins: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def from_settings(
        cls, command: Sequence[str], environ: Mapping[str, str], cwd: Path, **settings: Any
    ) -> LaunchRequest:
        """Build the request that ``codexlab-run`` would build here.

        The variables in ``environ``, the project file and the user's file count as they do
        there. Whether the agent may be launched is not checked.

        :param command: the agent's argv.
        :param cwd: the directory to stand in; absolute.
        :param settings: what a flag would say, by the names in docs/settings.md, as a text
            (``timeout="1h"``), or True for a switch. They win over all other sources.
        :raises ConfigError: a file cannot be read, or holds a value that is not allowed.
        :raises SettingError: a variable or a setting has such a value, or the issue is missing.
        """
        from .settings.errors import SettingError
        from .settings.fields import HOOK_KEYS, read_fields
        from .settings.table import BY_NAME, FLAG

        hooks = {key: settings.pop(f"hook_{key}", None) for key in HOOK_KEYS}
        for name in settings:
            if name not in BY_NAME or FLAG not in BY_NAME[name].sources:
                raise SettingError(name, "no such setting; expected a name from docs/settings.md")
        fields = read_fields(settings, hooks, environ, cwd)
        if not fields.get("issue"):
            raise SettingError("issue", "not given; expected the task that this run belongs to")
        return cls(command=tuple(command), **fields)
