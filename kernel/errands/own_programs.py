"""Find programs that we start ourselves, and none that an agent may have put in their way.

A search path names a directory in which agents work where somebody activated an environment
there, or has ``.`` or ``node_modules/.bin`` in it. The agent's own PATH is another matter:
its rules are those of the environment.
"""

from __future__ import annotations

import os

from ..real_path import real_path
from ..xdg import state_directory

# Every workspace has it from its first launch on: see `workspace.WorkspacePaths.lock`.
_CONTROL = ".codexlab/lock"
# A directory of the user's has such a note from its first launch on:
# see `workspace.records.given_directories`.
_NOTES = (".given.json", ".yours.json")


def own_search_path(value: str, barred: str | None = None) -> str:
    """Return the entries of a search path through which no agent chooses a program.

    Left out is an entry that is relative or empty, and an entry in a barred directory. So is an
    entry in a workspace, or in a directory that was given to a run: an agent may have worked there.
    Links are followed before that is decided.

    :param value: as PATH has it.
    :param barred: a directory whose programs are not for us, without links.
    """
    places = OwnPlaces(barred)
    return os.pathsep.join(entry for entry in value.split(os.pathsep) if places.has(entry))


def is_own(place: str, barred: str | None = None) -> bool:
    """Tell whether an absolute path lies outside of all that agents work in, and is not barred."""
    return OwnPlaces(barred).has(place)


def find_own_program(name: str, path: str | None = None) -> str | None:
    """Return the absolute path of a program that we start, or None.

    :param path: a search path; default: ``PATH`` of this process.
    """
    value = os.environ.get("PATH", os.defpath) if path is None else path
    places = OwnPlaces()
    for directory in value.split(os.pathsep):
        program = os.path.join(directory, name)
        runs = os.path.isfile(program) and os.access(program, os.X_OK)
        # The program itself may be a link into a workspace.
        if runs and places.has(directory) and places.has(program):
            return program
    return None


class OwnPlaces:
    """One look at which places lie outside of all that agents work in.

    It remembers what it saw, so it is made anew for each question: the next run may be given
    any directory.

    :param barred: a directory whose programs are not for us, without links.
    """

    def __init__(self, barred: str | None = None) -> None:
        self._barred = None if barred is None else f"{barred.rstrip('/')}/"
        self._given = _given_directories()
        self._looked: dict[str, bool] = {"": False, "/": False}

    def has(self, place: str) -> bool:
        """Tell whether a place is none of an agent's, nor relative, nor barred."""
        if not place.startswith("/"):
            return False  # it would be looked for where we work, which may be where agents write
        real = real_path(place)
        if self._barred is not None and f"{real}/".startswith(self._barred):
            return False
        return not self._is_an_agents(real)

    def _is_an_agents(self, real: str) -> bool:
        above, passed = real, list[str]()
        while above not in self._looked:
            passed.append(above)
            if os.path.lexists(f"{above}/{_CONTROL}") or self._was_given(above):
                self._looked[above] = True
            else:
                above = os.path.dirname(above)
        found = self._looked[above]
        self._looked.update(dict.fromkeys(passed, found))
        return found

    def _was_given(self, directory: str) -> bool:
        if not self._given:
            return False
        try:
            status = os.stat(directory)
        except OSError:
            return False
        return f"{status.st_dev:x}-{status.st_ino:x}" in self._given


def _given_directories() -> frozenset[str]:
    """Return device and inode of each directory of the user's that was given to a run."""
    try:
        names = os.listdir(state_directory() / "workdirs")
    except OSError:
        return frozenset()
    return frozenset(name.partition(".")[0] for name in names if name.endswith(_NOTES))
