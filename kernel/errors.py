"""Errors, split by who must act.

::

    CodexlabError
    ├── CallerError      the request is wrong: change the command, a flag, a file  -> exit 125
    ├── OperatorError    the machine or its set-up is wrong: mend it, run again    -> exit 125
    ├── BusyError        somebody else holds it: wait, or ask them                 -> exit 75
    └── InternalError    codexlab is wrong: please report it                       -> exit 125

Every package derives its own errors from these. An error carries its facts as
fields and composes its message once, in its constructor: what is wrong, where,
what was expected, what to do.
"""

from __future__ import annotations

from typing import Self


class CodexlabError(Exception):
    """Anything codexlab reports in one line instead of a traceback."""

    exit_status = 125

    def reworded(self, line: str) -> Self:
        """Say the same in another line; return this error."""
        self.args = (line,)
        return self


class CallerError(CodexlabError):
    """The request cannot be carried out as given; the caller must change it."""


class OperatorError(CodexlabError):
    """The machine, its permissions or its configuration must be mended."""


class BusyError(CodexlabError):
    """Somebody else holds the thing that was asked for."""

    exit_status = 75


class InternalError(CodexlabError):
    """An invariant of codexlab's own was broken."""
