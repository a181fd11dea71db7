"""Find programs that we start ourselves, and none that an agent may have put in their way.

A search path names a directory below a workspace where somebody activated an environment
there, or has ``.`` or ``node_modules/.bin`` in it. The agent's own PATH is another matter:
its rules are those of the environment.
"""

from __future__ import annotations

import os

# Every workspace has it from its first launch on: see `workspace.WorkspacePaths.lock`.
_CONTROL = ".codexlab/lock"


def own_search_path(value: str, barred: str | None = None) -> str:
    """Return the entries of a search path through which no agent chooses a program.

    Left out are entries that are relative or empty, that lie in a workspace, or below a
    directory that is barred. Links are followed before that is decided.

    :param value: as PATH has it.
    :param barred: a directory whose programs are not for us, without links.
    """
    return os.pathsep.join(entry for entry in value.split(os.pathsep) if is_own(entry, barred))


def is_own(place: str, barred: str | None = None) -> bool:
    """Tell whether an absolute path lies outside of every workspace and of a barred directory."""
    if not place.startswith("/"):
        return False  # it would be looked for where we work, which may be where agents write
    real = os.path.realpath(place)
    if barred is not None and f"{real}/".startswith(f"{barred.rstrip('/')}/"):
        return False
    return not _in_a_workspace(real)


def find_own_program(name: str, path: str | None = None) -> str | None:
    """Return the absolute path of a program that we start, or None.

    :param path: a search path; default: ``PATH`` of this process.
    """
    value = os.environ.get("PATH", os.defpath) if path is None else path
    for directory in value.split(os.pathsep):
        program = os.path.join(directory, name)
        runs = os.path.isfile(program) and os.access(program, os.X_OK)
        # The program itself may be a link into a workspace.
        if runs and is_own(directory) and is_own(program):
            return program
    return None


def _in_a_workspace(real: str) -> bool:
    above = real
    while above != "/":
        if os.path.lexists(f"{above}/{_CONTROL}"):
            return True
        above = os.path.dirname(above)
    return False
