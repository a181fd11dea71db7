"""Everything one can say about a launch beside its command, with its defaults."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Literal

from ...agents.registry import AgentName
from ...kernel.errors import CallerError
from ...kernel.values import frozen

PREFIX = "CODEXLAB_"
# More than any machine has, and few enough to count microseconds of them.
MOST_CORES = 65_536
# The kernel's own bound of process numbers on 64 bits (pid_max in proc(5)).
MOST_PROCESSES = 4_194_304

CargoScope = Literal["agent", "worktree", "shared", "off"]
Containment = Literal["auto", "cgroup", "subreaper", "process-group"]
Sessions = Literal["shared", "issue"]


class SettingError(CallerError):
    """A flag or a CODEXLAB_* variable has a value it cannot have."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"{name}: {problem}")


def default_workspaces_root() -> Path:
    """Return where workspaces live when nobody says so."""
    return Path.home() / "codexlab" / "workspaces"


@frozen
class SettingValues:
    """The settings of one launch, merged and validated; what each means: ``LaunchRequest``."""

    issue: str = ""
    project: str | None = None
    agent: AgentName | None = None
    workspaces_root: Path = field(default_factory=default_workspaces_root)
    repo: str | None = None
    no_repo: bool = False
    workdir: Path | None = None
    base: str | None = None
    timeout: float | None = None
    idle_timeout: float | None = None
    memory_max: int | None = None
    pids_max: int | None = None
    cpu_max: float | None = None
    retries: int = 0
    retry_on: tuple[int, ...] = ()
    grace: float = 10.0
    wait: float | None = 0.0
    stdin: str = "auto"
    events: str | None = None
    thread: str | None = None
    cargo_scope: CargoScope = "agent"
    require_artifacts: bool = False
    containment: Containment = "auto"
    git_write: bool = False
    sessions: Sessions = "shared"
    sweep_beside_agents: bool = False
    sweep_cold_age: float = 7 * 86400.0
    pass_env: tuple[str, ...] = ()
    set_env: tuple[tuple[str, str], ...] = ()
    log_max_size: int = 64 * 2**20
    verbose: bool = False
