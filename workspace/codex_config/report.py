"""The report of healing a codex-home."""

from __future__ import annotations

from ...agents.network import ConfiguredNetwork
from ...kernel.values import frozen


class HealNotes:
    """Collected while healing; frozen into a `HealReport` at the end."""

    def __init__(self) -> None:
        self.created: list[str] = []
        self.fixed: list[str] = []
        self.kept: list[str] = []
        self.warnings: list[str] = []
        self._network: ConfiguredNetwork | None = None

    def note_network(self, network: ConfiguredNetwork) -> None:
        """Note what ``config.toml`` says of the network from now on."""
        self._network = network

    def freeze(self) -> HealReport:
        """Return the report so far."""
        done = tuple(self.created), tuple(self.fixed), tuple(self.kept)
        return HealReport(*done, tuple(self.warnings), self._network)


@frozen
class HealReport:
    """Names relative to the codex-home, and warnings of one line each.

    :param created: was missing and is there now.
    :param fixed: was wrong and is right now.
    :param kept: differs from the shared home on purpose and was left alone.
    :param warnings: warnings for the user.
    :param network: what ``config.toml`` says of the network; None where it cannot be read.
    """

    created: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    network: ConfiguredNetwork | None = None

    @property
    def healthy(self) -> bool:
        """Tell whether nothing had to be done."""
        return not self.created and not self.fixed
