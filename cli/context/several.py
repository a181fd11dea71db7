"""Several issues in one command: an issue that fails gives its line, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...kernel.values import frozen
from ..ui.faults import Faults
from .workspaces import NoSuchWorkspace, choose, look_below

if TYPE_CHECKING:
    from ...workspace.gc.survey import Survey

_R = TypeVar("_R")


@frozen
class Asked:
    """The workspaces that a command line names.

    :param issues: as they were typed; an issue that was typed twice counts once.
    :param root: the workspaces root.
    """

    issues: tuple[str, ...]
    project: str | None
    agent: str | None
    root: Path

    @property
    def several(self) -> bool:
        """Tell whether more than one issue was named."""
        return len(set(self.issues)) > 1

    def each(self, work: Callable[[Sequence[Survey]], _R], faults: Faults) -> list[_R]:
        """Return the result of ``work`` for the workspaces of each issue, in the order typed.

        An issue that fails is reported, and left out. A single issue's error ends the command,
        with the status of its own. What cannot be read below the root is a failure, too.

        :raises NoSuchAgent: no agent has that name.
        """
        return self._each(work, faults, look_below(self.root, self.project, self.agent, faults))

    def _each(
        self, work: Callable[[Sequence[Survey]], _R], faults: Faults, found: list[Survey]
    ) -> list[_R]:
        def of_issue(issue: str) -> _R:
            return work(self._now(issue, found))

        issues = list(dict.fromkeys(self.issues))
        if len(issues) == 1:
            return [of_issue(issues[0])]
        return faults.each(issues, of_issue, lambda issue: f"issue {issue}")

    def each_one(self, work: Callable[[Survey], _R], faults: Faults) -> list[_R]:
        """Return the result of ``work`` for the one workspace of each issue, as :meth:`each` does.

        An issue with several workspaces fails: `NoSuchWorkspace`. What cannot be read below the
        root is told, and no failure.
        """

        def of_one(surveys: Sequence[Survey]) -> _R:
            if len(surveys) > 1:
                raise NoSuchWorkspace(surveys[0].place_key.issue, self.root, list(surveys))
            return work(surveys[0])

        found = look_below(self.root, self.project, self.agent, Faults())
        return self._each(of_one, faults, found)

    def _now(self, issue: str, found: list[Survey]) -> list[Survey]:
        """Look again at the workspaces of an issue: what was done before takes its time."""
        from ...workspace.gc.survey import survey_workspace

        chosen = choose(issue, self.project, self.agent, self.root, found)
        if not self.several:
            return chosen
        now = [survey_workspace(each.paths) for each in chosen]
        there = [each for each in now if each is not None]
        if not there:
            raise NoSuchWorkspace(issue, self.root, [])
        return there
