"""Find the file a command names, as a shell would, and say exactly why not."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from ...env.policy.search_path import TakenOut, WhyOut
from ..errors import CommandNotExecutable, CommandNotFound


def resolve_command(
    name: str, search_path: str, workdir: Path, taken_out: Iterable[TakenOut] = ()
) -> str:
    """Return the path to execute.

    The command itself may come from a checkout left behind: the caller chose it there.

    :param name: argv[0]; with a slash it is a path, relative to ``workdir``.
    :param workdir: the directory that the agent starts in.
    :param search_path: the *agent's* PATH, already cleaned.
    :param taken_out: entries of the caller's PATH that the agent does not get.
    :raises CommandNotFound: nothing has that name.
    :raises CommandNotExecutable: something has, and it cannot be executed.
    """
    if "/" in name:
        return _check(os.path.join(workdir, name), name)
    excluded = tuple(taken_out)
    behind = (each.entry for each in excluded if each.why is WhyOut.LEFT_BEHIND)
    found_unusable = None
    for directory in filter(None, (*search_path.split(os.pathsep), *behind)):
        candidate = os.path.join(directory, name)
        if os.path.isfile(candidate):
            if os.access(candidate, os.X_OK):
                return candidate
            found_unusable = found_unusable or candidate
    if found_unusable is not None:
        raise CommandNotExecutable(found_unusable, errno.EACCES)
    raise CommandNotFound(name, "looked along the agent's PATH", _where_it_is(name, excluded))


def _where_it_is(name: str, excluded: Iterable[TakenOut]) -> str | None:
    """Say where the caller's own PATH has the command, and why the agent's has it not."""
    for each in excluded:
        if not os.access(os.path.join(each.entry, name), os.X_OK):
            continue
        if each.why is WhyOut.UNSAFE:
            return (
                f"{each.entry} has it and is not on the agent's PATH, because everybody may write"
                f" there; run 'chmod o-w {each.entry}', or give --pass PATH"
            )
        return (
            f"{each.entry or 'the current directory'} has it and is not on the agent's PATH,"
            " because that entry is relative; name the command by its absolute path"
        )
    return None


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
