"""Progress of a sweep: a bar on a terminal, a first line of NDJSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from ...rollout.operations.result import Outcome, Result
from ..ui.terminal import size_text
from .results import write_json

# The outcomes of a candidate; all others concern files that were kept before.
_OF_CANDIDATES = frozenset(
    {Outcome.COMPRESSED, Outcome.SKIPPED, Outcome.BUSY, Outcome.CHANGED, Outcome.FAILED}
)


class JsonProgress:
    """Print the amount of work first; each result that follows is a line of its own."""

    def begin(self, files: int, size: int) -> None:
        """Take what the sweep found."""
        write_json({"begin": {"files": files, "bytes": size}})

    def watch(self, results: Iterable[Result]) -> Iterator[Result]:
        """Pass the results on."""
        yield from results


class NoProgress:
    """No progress: nobody looks."""

    def begin(self, files: int, size: int) -> None:
        """Take what the sweep found."""

    def watch(self, results: Iterable[Result]) -> Iterator[Result]:
        """Pass the results on."""
        yield from results


class BarProgress:
    """A bar on a terminal at stderr: the files so far, and the bytes saved."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("looking for cold rollouts", total=None)
        self._begun = False
        self._size = 0

    def begin(self, files: int, size: int) -> None:
        """Take what the sweep found."""
        self._begun, self._size = True, size
        text = f"of {size_text(size)}"
        self._progress.update(self._task, total=files, completed=0, description=text)

    def watch(self, results: Iterable[Result]) -> Iterator[Result]:
        """Draw the bar while the results pass."""
        saved = 0
        with self._progress:
            for result in results:
                if self._begun and result.outcome in _OF_CANDIDATES:
                    if result.outcome is Outcome.COMPRESSED:
                        saved += result.before - result.after
                    text = f"of {size_text(self._size)}, {size_text(saved)} less"
                    self._progress.update(self._task, advance=1, description=text)
                yield result


SweepProgress = JsonProgress | NoProgress | BarProgress


def choose_progress(*, as_json: bool) -> SweepProgress:
    """Return the form of progress that fits stdout and stderr."""
    if as_json:
        return JsonProgress()
    return BarProgress() if sys.stderr.isatty() else NoProgress()
