"""Report an item that fails in one line, and go on with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import click

from ...kernel.errors import CodexlabError
from .standard_streams import failed_call
from .terminal import on_one_line

_T = TypeVar("_T")
_R = TypeVar("_R")


class Faults:
    """The failures of a command over all workspaces: reported at once, and counted."""

    def __init__(self) -> None:
        self._count = 0

    @property
    def status(self) -> int:
        """Return the exit status: 125 if something failed, else 0."""
        return 125 if self._count else 0

    def tell(self, name: str, problem: object) -> None:
        """Write one line on stderr that names what could not be handled."""
        self._count += 1
        words = problem if isinstance(problem, str) else describe_fault(problem)
        line = words if words.startswith(name) else f"{name}: {words}"
        click.echo(f"codexlab: {on_one_line(line)}", err=True)

    def each(
        self,
        items: Iterable[_T],
        work: Callable[[_T], _R],
        name: Callable[[_T], str],
    ) -> list[_R]:
        """Return the result of ``work`` for each item; a failed item is reported and left out.

        :param name: names an item in a report.
        """
        done: list[_R] = []
        for item in items:
            try:
                done.append(work(item))
            except Exception as error:
                if isinstance(error, (click.ClickException, BrokenPipeError)) or _is_signal(error):
                    raise
                self.tell(name(item), error)
        return done


def _is_signal(error: Exception) -> bool:
    """Tell whether a signal ended the work: the others are not to be begun then."""
    return isinstance(error, CodexlabError) and error.exit_status > 128


def describe_fault(error: object) -> str:
    """Return one clause that explains any error."""
    if isinstance(error, CodexlabError):
        return str(error)
    if isinstance(error, OSError):
        return failed_call(error)
    if isinstance(error, RecursionError):
        return "something in it is nested too deeply to be read"
    if isinstance(error, MemoryError):
        return "reading it takes more memory than there is"
    return f"cannot be handled ({type(error).__name__}: {error})"
