"""The workspaces root, and the workspaces that a command means."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...kernel.errors import CallerError, OperatorError
from ...supervisor.settings.files import (
    DEFAULT_ROOT,
    ConfigError,
    ConfigFile,
    read_config,
    user_config_path,
)
from ...supervisor.settings.literals import parse_duration, parse_size
from ...workspace.root import check_root
from ...workspace.users_codex_home import users_codex_home
from ..ui.faults import Faults

if TYPE_CHECKING:
    from ...workspace.gc.survey import Survey, Tell
    from ...workspace.gc.verdict import GcPolicy

_GC_KEYS: Mapping[str, Callable[[object], float]] = {
    "idle": parse_duration,
    "empty": parse_duration,
    "min_free": parse_size,
    "pressed_idle": parse_duration,
}


class NoSuchWorkspace(CallerError):
    """No workspace, or more than one, has that name."""

    def __init__(self, issue: str, root: Path, found: list[Survey], asked: str = "") -> None:
        self.issue, self.root, self.found = issue, root, found
        names = ", ".join(f"{key.project}/{key.agent}" for key in (e.place_key for e in found))
        if asked:
            others = f"there is {names}" if found else "see codexlab workspace list"
            reason = f"no workspace with {asked} below {root}; {others}"
        elif found:
            reason = f"several workspaces ({names}); choose with --project and --agent"
        else:
            reason = f"no workspace below {root}; see codexlab workspace list"
        super().__init__(f"issue {issue}: {reason}")


class NoSuchAgent(CallerError):
    """No agent has that name."""

    def __init__(self, agent: str, known: tuple[str, ...]) -> None:
        self.agent = agent
        super().__init__(f"--agent {agent}: no such agent; expected one of {', '.join(known)}")


class NoSuchRoot(CallerError):
    """The workspaces root is no directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        what = "not a directory" if root.exists() else "no such directory"
        super().__init__(f"workspaces root {root}: {what}; expected the one that runs were given")


class UnreadableRoot(OperatorError):
    """The workspaces root cannot be looked into, so nothing can be said about it."""

    def __init__(self, root: Path, error: OSError) -> None:
        self.root = root
        super().__init__(f"{root}: {error.strerror}; {READABLE}, or name another --root")


READABLE = "make it readable for yourself (chmod u+rx)"


def user_config() -> ConfigFile:
    """Return the user's configuration.

    :raises ConfigError: it has a wrong key or value.
    """
    path = user_config_path(os.environ)
    if not os.path.lexists(path):
        return ConfigFile(path, {})
    # Here: the table is loaded where there is something to check, as the list must be quick.
    from ...supervisor.settings.table import KNOWN_KEYS

    return read_config(path, KNOWN_KEYS, KNOWN_KEYS)


def configured_root() -> Path:
    """Return the workspaces root without a flag: variable, user config, default.

    :raises ConfigError: the value in the user config cannot be a root.
    """
    chosen: object = os.environ.get("CODEXLAB_WORKSPACES_ROOT")
    if not chosen:
        config, key = user_config(), "workspaces_root"
        chosen = config.settings.get(key, DEFAULT_ROOT)
        if not isinstance(chosen, str) or not chosen:
            problem = f"expected a path, not {chosen!r}"
            raise ConfigError(config.path, config.line_of(key), key, problem)
    return _absolute(str(chosen))


def roots_to_search() -> Iterator[Path]:
    """Yield the root without a flag, once somebody wants it: most commands never do."""
    yield configured_root()


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(Path(path).expanduser()))


def find_root(given: str | None) -> Path:
    """Return the workspaces root: flag, variable, user config, default.

    :raises ConfigError: the value in the user config cannot be a root.
    :raises NoSuchRoot: it is no directory, or a flag names it and it is missing.
    :raises UnreadableRoot: the system refuses to show what is in it.
    :raises RootTooWide: it is the root of the filesystem or the home directory.
    """
    root = _absolute(given) if given else configured_root()
    try:
        os.scandir(root).close()
    except FileNotFoundError:
        # The default root need not exist yet.
        if given:
            raise NoSuchRoot(root) from None
    except NotADirectoryError:
        raise NoSuchRoot(root) from None
    except OSError as error:
        raise UnreadableRoot(root, error) from None
    check_root(root, os.environ.get("HOME"))
    return root


def gc_policy(idle: float | None, min_free: int | None) -> GcPolicy:
    """Return the policy of the user's ``[gc]`` table, flags on top.

    :raises ConfigError: the table has a wrong key or value.
    """
    from ...workspace.gc.verdict import GcPolicy

    config = user_config()
    table = config.settings.get("gc", {})
    if not isinstance(table, dict):
        raise ConfigError(config.path, config.line_of("gc"), "gc", "expected a table")
    values: dict[str, Any] = {
        key: _gc_value(config, key, each) for key, each in cast("Any", table).items()
    }
    if idle is not None:
        values["idle"] = idle
    if min_free is not None:
        values["min_free"] = min_free
    return GcPolicy(**values)


def tell_unreadable(faults: Faults, root: Path, project: str | None = None) -> Tell:
    """Return what reports each directory below a root that cannot be read.

    :param project: only of this project.
    """
    from ...workspace.paths import directory_name

    of = None if project is None else {project, directory_name(project)}

    def tell(path: str, error: OSError) -> None:
        below = os.path.relpath(path, root).split("/")[0]
        if of is None or below in of:
            faults.tell(path, f"{error.strerror}; left out, {READABLE}")

    return tell


def select(
    issue: str, project: str | None, agent: str | None, root: Path, faults: Faults
) -> list[Survey]:
    """Return the workspaces of an issue; what cannot be read on the way is reported.

    :raises NoSuchWorkspace: there is none.
    :raises NoSuchAgent: no agent has that name.
    """
    return choose(issue, project, agent, root, look_below(root, project, agent, faults))


def look_below(root: Path, project: str | None, agent: str | None, faults: Faults) -> list[Survey]:
    """Return all workspaces below a root; what cannot be read in the project is reported.

    :raises NoSuchAgent: no agent has that name.
    """
    from ...agents.agent_name import AgentName
    from ...workspace.gc.survey import survey_workspaces

    if agent is not None and agent not in tuple(AgentName):
        raise NoSuchAgent(agent, tuple(AgentName))
    return survey_workspaces(root, tell_unreadable(faults, root, project))


def choose(
    issue: str, project: str | None, agent: str | None, root: Path, surveys: list[Survey]
) -> list[Survey]:
    """Return the workspaces of an issue among all below a root.

    :raises NoSuchWorkspace: there is none.
    """
    of_issue = [each for each in surveys if each.is_of(None, issue, None)]
    found = [each for each in of_issue if each.is_of(project, None, agent)]
    if not found:
        raise NoSuchWorkspace(issue, root, of_issue, _filters(project, agent))
    return found


def _filters(project: str | None, agent: str | None) -> str:
    """Return the flags that chose among an issue's workspaces, as they were given."""
    flags = (("--project", project), ("--agent", agent))
    return " ".join(f"{flag} {value}" for flag, value in flags if value is not None)


def select_one(issue: str, project: str | None, agent: str | None, root: Path) -> Survey:
    """Return the one workspace of an issue.

    :raises NoSuchWorkspace: there is none, or more than one.
    """
    found = select(issue, project, agent, root, Faults())
    if len(found) > 1:
        raise NoSuchWorkspace(issue, root, found)
    return found[0]


def shared_home() -> Path:
    """Return the caller's own codex home."""
    return Path(os.path.abspath(users_codex_home(os.environ)))


def _gc_value(config: ConfigFile, key: str, value: object) -> float:
    if key not in _GC_KEYS:
        problem = f"no such setting of [gc]; expected one of {', '.join(sorted(_GC_KEYS))}"
        raise ConfigError(config.path, config.line_of(key), key, problem)
    try:
        return _GC_KEYS[key](value)
    except ValueError as error:
        raise ConfigError(
            config.path, config.line_of(key), key, f"{error}, not {value!r}"
        ) from None
