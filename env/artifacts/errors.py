"""Errors in files that setup would write: the operator must mend them."""

from __future__ import annotations

from ...kernel.errors import OperatorError


class SetupRefused(OperatorError):
    """A file that setup would write cannot be written safely."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}; nothing was changed")
