"""The report of healing a codex-home."""

from __future__ import annotations

from ...kernel.values import frozen


class HealNotes:
    """Collected while healing; frozen into a `HealReport` at the end."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.fixed: list[str] = []
        self.kept: list[str] = []
        self.warnings: list[str] = []

    def freeze(self) -> HealReport:
        """Return the report so far."""
        return HealReport(*map(tuple, (self.created, self.fixed, self.kept, self.warnings)))


@frozen
class HealReport:
    """Names relative to the codex-home, and warnings of one line each.

    :param created: was missing and is there now.
    :param fixed: was wrong and is right now.
    :param kept: differs from the shared home on purpose and was left alone.
    :param warnings: warnings for the user.
    """

    created: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        """Tell whether nothing had to be done."""
        return not self.created and not self.fixed
