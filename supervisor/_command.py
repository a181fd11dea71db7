"""Find the file a command names, as a shell would, and say exactly why not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ._errors import CommandNotExecutable, CommandNotFound


def resolve_command(name: str, search_path: str, workdir: Path) -> str:
    """Return the path to execute.

    :param name: argv[0]; with a slash it is a path, relative to the workdir.
    :param search_path: the *agent's* PATH, already cleaned.
    :raises CommandNotFound: nothing has that name.
    :raises CommandNotExecutable: something has, and it cannot be executed.
    """
    if "/" in name:
        return _check(os.path.join(workdir, name), name)
    found_unusable = None
    for directory in filter(None, search_path.split(os.pathsep)):
        candidate = os.path.join(directory, name)
        if os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            found_unusable = found_unusable or candidate
    if found_unusable is not None:
        raise CommandNotExecutable(found_unusable, errno.EACCES)
    raise CommandNotFound(name, "looked along the agent's PATH")


def _check(path: str, name: str) -> str:
    if not os.path.exists(path):
        raise CommandNotFound(name, f"no file {path}")
    if os.path.isdir(path):
        raise CommandNotExecutable(name, errno.EISDIR)
    if not os.access(path, os.X_OK):
        raise CommandNotExecutable(name, errno.EACCES)
    return path


def needs_workdir(name: str) -> bool:
    """Tell whether the name can only be resolved once the workdir exists."""
    return "/" in name and not os.path.isabs(name)
