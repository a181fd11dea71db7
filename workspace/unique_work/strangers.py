"""What lies in a workspace that neither codexlab nor codex makes there, so it counts as work.

By name, each place by a list of its own. In codex's home the list grows with codex, so what
the user's own home has under the same name is codex's too. A database, a lock, a log, a marker
or a temporary file must also have the form that codex gives it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ...kernel.errors import CodexlabError
from ...kernel.files.below import open_directory
from ..checkouts.words import shown
from ..fs import directory, is_temporary
from ..paths import CONTROL, WorkspacePaths
from ..users_codex_home import users_codex_home
from ..workdir.context import is_leftover
from .codex_forms import has_codexs_form
from .of_the_users import is_judged_by_git, logins, made_here

_ROOT = frozenset({CONTROL, "workdir", "codex-home", "context"})
_RECORD = (
    r"(lock|credentials|runs|(workspace|owner|threads|home)\.json|config\.seed\.toml)"
    r"(\.aside-\d+)?"
)
_RUN = r"\d{8}T\d{6}Z-[0-9a-f]{8}"
_OF_A_RUN = (
    r"(record\.json|events\.ndjson"
    r"|((stdout|stderr|terminal|sweep|hook-[a-z_]+)\.log|output\.index)(\.1)?)"
    r"(\.aside-\d+)?|\.record\.json\.[0-9a-f]{12}\.tmp"
)
# So often a place is listed, where names vanish between a listing and a look at them.
_LOOKS = 3
# What codex 0.100 to 0.171 puts into its home by itself, beside databases and locks.
_CODEXS = frozenset(
    (
        *("AGENTS.md", "AGENTS.override.md", "instructions.md", "config.toml", ".env"),
        *("managed_config.toml", "environments.toml", "hooks.json", "history.jsonl"),
        *("auth.json", ".credentials.json", "session_index.jsonl", "installation_id"),
        *("version.json", "models_cache.json", "internal_storage.json", "update-check.json"),
        *(".codex-global-state.json", "cap_sid", "hooks", "agents"),
        *("cloud-requirements-cache.json", "cloud-config-bundle-cache.json", "prompts", "rules"),
        *("skills", "plugins", "themes", "pets", "memories", "memories_extensions", "sessions"),
        *("archived_sessions", "thread-writer-locks", "mcp-oauth-locks", "worktrees", "log"),
        *("logs", "cache", "tmp", ".tmp", "shell_snapshots", "generated_images", "packages"),
        *("attachments", "vendor_imports", "sqlite", "automations", "process_manager", "apps"),
        *("app-server-control", "app-server-daemon", "remote_control", "computer-use", "proxy"),
        *(".sandbox", ".sandbox-bin", ".sandbox-secrets", "node_repl", "marketplaces", "ambient"),
    )
)


def strangers(paths: WorkspacePaths) -> list[str]:
    """Return one line for each name that is nobody's but the agent's; empty when none is."""
    try:
        shared = _users_home()
        is_codexs = _is_codexs(paths.codex_home, shared)
        return [
            *(f"{name} beside its workdir" for name in _others(paths, (), _is_at_root)),
            *(f"{CONTROL}/{name}" for name in _others(paths, (CONTROL,), _is_record)),
            *(f"{CONTROL}/runs/{name}" for name in _others(paths, (CONTROL, "runs"), _is_run)),
            *(f"codex-home/{name}" for name in _others(paths, ("codex-home",), is_codexs)),
            *logins(paths, shared),
            *made_here(paths, shared),
            *(
                f"directory context/{name}, which no task was given"
                for name in _others(paths, ("context",), _is_no_directory)
            ),
        ]
    except CodexlabError as error:
        return [str(error)]
    except OSError as error:
        return [f"what lies beside its workdir cannot be judged ({error.strerror})"]


def _users_home() -> Path:
    """Return the user's own codex home: never the recorded one, which an agent can write."""
    return Path(users_codex_home(os.environ))


def _others(
    paths: WorkspacePaths, below: tuple[str, ...], is_known: Callable[[str, int], bool]
) -> list[str]:
    with suppress(FileNotFoundError), directory(paths.base, *paths.names, *below) as fd:
        return [shown(name) for name in _unknown(fd, is_known)]
    return []


def _unknown(dir_fd: int, is_known: Callable[[str, int], bool]) -> list[str]:
    """Return the names that are not known; one that vanishes hides none that is there."""
    judged: dict[str, bool] = {}
    for _ in range(_LOOKS):
        has_vanished = False
        for name in set(os.listdir(dir_fd)).difference(judged):
            try:
                judged[name] = is_known(name, dir_fd)
            except FileNotFoundError:
                has_vanished = True
        # It may have another name by now.
        if not has_vanished:
            break
    else:
        judged["names that come and go"] = False
    return sorted(name for name, known in judged.items() if not known)


def _is_at_root(name: str, dir_fd: int) -> bool:
    return name in _ROOT or is_leftover(name, dir_fd)


def _is_record(name: str, dir_fd: int) -> bool:
    if not (re.fullmatch(_RECORD, name) or is_temporary(name)):
        return False
    return name.startswith("runs") or not _is_directory(name, dir_fd)


def _is_run(name: str, dir_fd: int) -> bool:
    if not re.fullmatch(_RUN, name) or not _is_directory(name, dir_fd):
        return False
    fd = open_directory(name, dir_fd)
    try:
        return all(
            re.fullmatch(_OF_A_RUN, inner) and not _is_directory(inner, fd)
            for inner in os.listdir(fd)
        )
    finally:
        os.close(fd)


def _is_codexs(home: Path, shared: Path) -> Callable[[str, int], bool]:
    def is_known(name: str, dir_fd: int) -> bool:
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode) or ".aside-" in name:
            return True  # no content of its own, or named as what was kept aside
        if name in _CODEXS or os.path.lexists(shared / name):
            return True
        if stat.S_ISDIR(status.st_mode):
            return is_judged_by_git(home / name)
        return is_temporary(name) or has_codexs_form(name, dir_fd)

    return is_known


def _is_no_directory(name: str, dir_fd: int) -> bool:
    return not _is_directory(name, dir_fd)


def _is_directory(name: str, dir_fd: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode)
