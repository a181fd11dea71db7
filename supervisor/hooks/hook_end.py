"""How a hook ended, as the record and the events show it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ...kernel.values import asdict, frozen


class HookStatus(StrEnum):
    """How a hook ended; never ``idle``, since a hook has no such limit."""

    TIMEOUT = "timeout"
    IDLE = "idle"
    MEMORY = "memory"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"
    NOT_STARTED = "not-started"
    GUARDIAN_LOST = "guardian-lost"


@frozen
class HookEnd:
    """How one hook ended.

    :param status: ``failed``: by its own status or a signal; ``timeout``, ``memory``,
        ``cancelled``: we ended it.
    :param exit_status: as a shell would say it, or None where there is none.
    :param swept: how many processes outlived it.
    :param left: how many are left, read from the kernel.
    :param signal: what asked for the end of the run meanwhile, be it when the hook itself
        had ended, or None.
    :param error: why it could not be started, or its log not be written.
    """

    name: str
    status: HookStatus
    log: str
    exit_status: int | None = None
    duration: float = 0.0
    swept: int = 0
    left: int = 0
    signal: int | None = None
    error: str | None = None

    @property
    def problem(self) -> str | None:
        """Say in one clause what went wrong, or None when nothing did."""
        if self.left:
            return f"hook {self.name} left {self.left} processes that cannot be ended"
        what = {
            HookStatus.COMPLETED: None,
            HookStatus.FAILED: f"ended with status {self.exit_status}; see {self.log}",
            HookStatus.TIMEOUT: f"was ended after {self.duration:.1f} s, its limit; see {self.log}",
            HookStatus.NOT_STARTED: f"could not be started: {self.error}",
        }.get(self.status, f"was ended: {self.status}; see {self.log}")
        return what and f"hook {self.name} {what}"

    def describe(self) -> dict[str, Any]:
        """Return it as the record and the event show it."""
        return {name: value for name, value in asdict(self).items() if value is not None}
