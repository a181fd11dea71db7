"""The kernel gives no process, thread, descriptor or memory more: what to say of that."""

from __future__ import annotations

import errno
import os
from typing import cast

from .errors import OperatorError

_PROCESSES = (
    "this user's processes, or those of its control group, are at their limit;"
    " end some, or raise it (ulimit -u, pids.max)"
)
_REMEDIES = {
    errno.EAGAIN: _PROCESSES,
    errno.EMFILE: "this process may not open more descriptors; raise the limit (ulimit -n)",
    errno.ENFILE: "the machine may not open more files; raise the limit (fs.file-max)",
    errno.ENOMEM: "memory is short; make room",
}


class NoMore(OperatorError):
    """Something could not be started or opened for want of what the kernel deals out.

    :param what: what could not be done.
    """

    def __init__(self, what: str, code: int) -> None:
        self.code = code
        super().__init__(f"{what}: {os.strerror(code)}: {_REMEDIES[code]}")


def no_more_in(error: BaseException) -> int | None:
    """Return the errno where all that an error tells of is that the kernel gives us no more.

    :param error: also a group of errors, or an error of a library that failed of it.
    """
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        codes = [no_more_in(each) for each in group.exceptions]
        return None if None in codes else codes[0]
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, NoMore):
        return error.code
    if isinstance(error, OSError) and is_no_more(error):
        return error.errno
    cause = error.__cause__ or error.__context__
    return None if cause is None else no_more_in(cause)


def is_no_more(error: OSError) -> bool:
    """Tell whether an error says that the kernel has, or gives us, no more of something."""
    return error.errno in _REMEDIES
