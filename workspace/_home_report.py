"""What healing a codex-home did."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..kernel import frozen


@dataclass(slots=True)
class HealNotes:
    """Collected while healing; frozen into a `HealReport` at the end."""

    created: list[str] = field(default_factory=list[str])
    fixed: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    def freeze(self) -> HealReport:
        """Return what was collected so far."""
        return HealReport(*map(tuple, (self.created, self.fixed, self.kept, self.warnings)))


@frozen
class HealReport:
    """Names relative to the codex-home, and warnings of one line each.

    :param created: was missing and is there now.
    :param fixed: was wrong and is right now.
    :param kept: differs from the shared home on purpose and was left alone.
    :param warnings: what the user should know.
    """

    created: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Tell whether nothing had to be done."""
        return not self.created and not self.fixed
