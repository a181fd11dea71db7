"""Errors of the artifact root and the targets below it, split by who must act.

::

    CallerError
    └── FloorError           a free-space floor that is no number of bytes
    OperatorError
    ├── TargetPathRefused          something below the root is not what it must be
    ├── RootUnusable         a root was required, or is needed, and cannot be used
    └── TooLittleSpace       less is free than the floors ask for
    BusyError
    └── TargetBusy           somebody builds there, or removes it, right now
"""

from __future__ import annotations

from ...kernel.errors import BusyError, CallerError, OperatorError


class FloorError(CallerError):
    """A floor that is not a canonical decimal number."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        super().__init__(
            f"{name}={text!r}: expected a number of bytes from 1 to 2^63-1, in plain digits"
        )


class TargetPathRefused(OperatorError):
    """A name below the root is a link, a file, or otherwise not to be used."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}; expected a directory of its own below the root")


class RootUnusable(OperatorError):
    """There is no artifact root to work with."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no usable artifact root: {reason}")


class TooLittleSpace(OperatorError):
    """A filesystem has less free than its floor.

    :param unit: ``bytes`` or ``inodes``.
    """

    def __init__(self, path: str, unit: str, free: int, floor: int) -> None:
        self.path = path
        self.unit = unit
        self.free = free
        self.floor = floor
        super().__init__(
            f"{path}: {free} {unit} free, the floor is {floor}; "
            "make room (codexlab artifacts clean) or lower the floor"
        )


class TargetBusy(BusyError):
    """A target is leased, and the lease excludes the requested use."""

    def __init__(self, target: str, holder: str) -> None:
        self.target = target
        self.holder = holder
        super().__init__(f"{target}: in use ({holder}); try again when it is free")
