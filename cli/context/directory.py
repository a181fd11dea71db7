"""``-C DIR``: work as if started in another directory.

The current directory belongs to the process. So it is changed before the launch forks, and the
option stands before all others.
"""

from __future__ import annotations

import os

from ...kernel.errors import CallerError


class NoSuchPlace(CallerError):
    """The directory of ``-C`` cannot be entered."""

    def __init__(self, directory: str, why: str) -> None:
        super().__init__(f"-C {directory}: {why}; expected a directory")


def enter(directory: str) -> None:
    """Make a directory the current one.

    :raises NoSuchPlace: it cannot be entered.
    """
    try:
        os.chdir(directory)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise NoSuchPlace(directory, why or "unusable") from None
    # Shells and some programs believe this variable.
    os.environ["PWD"] = os.getcwd()


def split_directory(words: list[str]) -> tuple[list[str], list[str]]:
    """Split an argument vector into its directories of ``-C`` at the front, and the rest."""
    found: list[str] = []
    while words:
        if words[0] == "-C" and len(words) > 1:
            found, words = [*found, words[1]], words[2:]
        elif words[0].startswith("-C") and len(words[0]) > 2:
            found, words = [*found, words[0][2:]], words[1:]
        else:
            break
    return found, words
