"""Decide everything that can be decided without touching anything."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ..agents.adapter import RESUME
from ..agents.agent_name import AgentName
from ..agents.network import NetworkAccess
from ..agents.recognition import detect_agent
from ..agents.registry import adapter_of
from ..kernel.errors import CodexlabError
from ..kernel.values import frozen
from ..workspace.errors import WorkdirRefused
from ..workspace.git.checkout import Checkout, inspect_checkout
from ..workspace.paths import WorkspaceKey, WorkspacePaths, locate_workspace
from ..workspace.repository.project import default_project, is_url
from ..workspace.root import check_root
from ..workspace.users_codex_home import SessionMode
from ..workspace.workdir.plan import WorkdirPlan, choose_workdir
from .errors import (
    BadHook,
    NetworkUnruly,
    PlaceUnusable,
    ResumeImpossible,
    TerminalContradicted,
    blame_origins,
)
from .lifecycle.ladder import Ladder, build_ladder
from .request import LAUNCH_HOOKS, LaunchRequest


@frozen
class Plan:
    """The decisions of a launch before anything is done.

    :param run_id: sortable by start, and random enough to be a tag.
    :param agent: the agent's name, one of ``AgentName``.
    :param workdir: where the agent works, and how that place comes to be.
    """

    request: LaunchRequest
    run_id: str
    agent: str
    key: WorkspaceKey
    paths: WorkspacePaths
    start: Checkout
    workdir: WorkdirPlan
    ladder: Ladder

    @property
    def run_directory(self) -> Path:
        """Return the directory of this run's record, events and logs."""
        return self.paths.runs / self.run_id

    @property
    def below(self) -> str:
        """Return the path from the top of the caller's checkout to where the caller stands.

        There the agent starts in the workdir. It is empty at the top, outside git, and where a
        flag names the directory or the repository.
        """
        request, start = self.request, self.start
        named = request.workdir is not None or request.no_repo or request.repo is not None
        if named or start.top is None or start.top == start.cwd:
            return ""
        return os.path.relpath(start.cwd, start.top)

    def patience(self, least: float = 0.0) -> float:
        """Return how many seconds a lock is waited for: what ``--wait`` says, or ``least``."""
        wait = self.request.wait
        return math.inf if wait is None else max(least, wait)


def plan_run(request: LaunchRequest) -> Plan:
    """Read where we stand and decide; nothing is created, locked or written.

    :raises CallerError: the request contradicts itself or what is there.
    :raises OperatorError: the shared home cannot be read.
    """
    try:
        return _plan_run(request)
    except CodexlabError as error:
        raise blame_origins(error, request.origins) from None


def _plan_run(request: LaunchRequest) -> Plan:
    _check_hooks(request)
    _check_sessions(request)
    _check_terminal(request)
    check_root(request.workspaces_root, request.environ.get("HOME"))
    agent = request.agent or detect_agent(request.command)
    _check_resume(request, agent)
    _check_network(request, agent)
    _check_places(request)
    start = inspect_checkout(request.cwd if request.workdir is None else request.workdir)
    project = request.project or (
        "default" if request.no_repo else default_project(start, request.repo)
    )
    key = WorkspaceKey(project, request.issue, agent)
    paths = locate_workspace(request.workspaces_root, key)
    workdir = choose_workdir(
        start,
        paths,
        base=request.base,
        no_repo=request.no_repo,
        repo=request.repo,
        workdir=request.workdir,
    )
    _check_shared_home(request.shared_home)
    if request.origins and any(note.startswith("--") for note in workdir.notes):
        workdir = replace(workdir, notes=_with_origins(workdir.notes, request.origins))
    return Plan(
        request, new_run_id(), agent, key, paths, start, workdir, build_ladder(request.grace)
    )


def _with_origins(notes: tuple[str, ...], origins: Mapping[str, str]) -> tuple[str, ...]:
    """Name in notes what set a value; a launch that works reads no file for that."""
    from .settings.origins import name_origins

    return tuple(name_origins(note, origins, with_lines=False) for note in notes)


def _check_places(request: LaunchRequest) -> None:
    """Name the flag of a directory that is not there, or that this user may not look into."""
    places = {"--workdir": request.workdir}
    if request.repo is not None and not is_url(request.repo):
        places["--repo"] = Path(request.repo)
    for flag, path in places.items():
        if path is None:
            continue
        try:
            os.stat(path)
        except OSError as error:
            raise WorkdirRefused(f"{flag} {path}", error.strerror or "unusable") from None
        if os.path.isdir(path) and not os.access(path, os.R_OK | os.X_OK):
            raise WorkdirRefused(f"{flag} {path}", os.strerror(errno.EACCES))


def new_run_id() -> str:
    """Return an id like ``20260131T120000Z-1a2b3c4d``."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.urandom(4).hex()}"


def _check_resume(request: LaunchRequest, agent: str) -> None:
    """Refuse to leave out in silence what makes an agent go on."""
    if RESUME in request.command and not adapter_of(agent).resumable:
        raise ResumeImpossible(request.command[0], request.agent)


def _check_terminal(request: LaunchRequest) -> None:
    if not request.terminal:
        return
    if request.stdin not in ("auto", "inherit"):
        raise TerminalContradicted(f"--stdin {request.stdin}", "the agent reads its terminal")
    if request.retries:
        raise TerminalContradicted(
            f"--retries {request.retries}",
            "a person decides what to repeat, and --retries 0 overrules a file or variable",
        )


def _check_shared_home(home: Path) -> None:
    if not os.path.lexists(home):
        return
    if not os.path.isdir(home):
        raise PlaceUnusable("shared codex home", str(home), "is not a directory", "set CODEX_HOME")
    if not os.access(home, os.R_OK | os.X_OK):
        raise PlaceUnusable(
            "shared codex home", str(home), "cannot be read by this user", "set CODEX_HOME"
        )


def _check_sessions(request: LaunchRequest) -> None:
    """Refuse a word of an embedding host that no flag would let in."""
    if request.sessions not in tuple(SessionMode):
        from .settings.errors import SettingError

        expected = f"expected {' or '.join(SessionMode)}"
        raise SettingError("--sessions", f"{expected}, not {request.sessions!r}")


def _check_network(request: LaunchRequest, agent: str) -> None:
    """Refuse to leave a network open that should be closed, or a word that no flag lets in."""
    if request.network is None:
        return
    if request.network not in tuple(NetworkAccess):
        from .settings.errors import SettingError

        expected = f"expected {' or '.join(NetworkAccess)}"
        raise SettingError("--network", f"{expected}, not {request.network!r}")
    if request.network == NetworkAccess.OFF and not adapter_of(agent).takes_network:
        tellable = [name for name in AgentName if adapter_of(name).takes_network]
        raise NetworkUnruly(request.network, agent, tellable)


def _check_hooks(request: LaunchRequest) -> None:
    """Refuse a hook that would never run."""
    for name, command in request.hooks.items():
        if name not in LAUNCH_HOOKS:
            raise BadHook(name, f"one of {', '.join(LAUNCH_HOOKS)}")
        program = command if isinstance(command, str) else "".join(command[:1])
        if not program.strip():
            raise BadHook(name, "a text for /bin/sh, or a tuple of words")
