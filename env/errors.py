"""Errors in the environment that the agent was to get, split by who must act.

::

    CallerError
    ├── AssignmentError      a --set that is not NAME=VALUE
    ├── EnvFileError         an --env-file that cannot be read as one
    └── ReservedNameError    a flag for a name that codexlab itself decides
    OperatorError
    └── SharedConfigError    the shared config.toml of codex cannot be read

No message ever holds a value: it may be a secret typed in the wrong place.
"""

from __future__ import annotations

from ..kernel.errors import CallerError, OperatorError


class AssignmentError(CallerError):
    """A text that is not ``NAME=VALUE``.

    :param where: the flag or file and line it came from.
    """

    def __init__(self, where: str, problem: str) -> None:
        self.where = where
        self.problem = problem
        super().__init__(f"{where}: {problem}; expected NAME=VALUE")


class EnvFileError(CallerError):
    """An environment file that cannot be used.

    :param line: one-based, or None when the file as a whole is the problem.
    """

    def __init__(self, path: str, line: int | None, problem: str) -> None:
        self.path = path
        self.line = line
        self.problem = problem
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"--env-file {place}: {problem}; expected lines of NAME=VALUE")


class ReservedNameError(CallerError):
    """A flag names a variable that codexlab itself sets or removes."""

    def __init__(self, flag: str, name: str) -> None:
        self.flag = flag
        self.name = name
        super().__init__(
            f"{flag} {name}: codexlab decides this variable itself; leave the flag out"
        )


class SharedConfigError(OperatorError):
    """The shared ``config.toml`` of codex exists and cannot be understood."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}; the variables that it names are not known")
