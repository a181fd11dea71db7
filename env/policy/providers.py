"""Further names that pass for an agent once one of its built-in providers is switched on.

The names hold credentials of whole clouds: without the switch none of them passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...agents.adapter import Adapter
from .rules import NameGroup, NameIndex, index_groups

_ON = frozenset(("1", "true", "yes", "on"))


def switched_on(agent: Adapter, environ: Mapping[str, str]) -> NameIndex:
    """Return the names that pass because the agent's own environment switches a provider on.

    :param environ: the environment in which the agent would see the switches.
    """
    on = {name for name, _ in agent.variables.switched if environ.get(name, "").lower() in _ON}
    return index_groups(group for switch, group in switched_groups(agent) if switch in on)


def switched_groups(agent: Adapter) -> Iterator[tuple[str, NameGroup]]:
    """Yield each switch of an agent with the names that it lets in."""
    for switch, names in agent.variables.switched:
        reason = f"only with `{switch}=1`, which needs them"
        yield switch, NameGroup(f"adapter: {agent.name}, {switch}", tuple(names.split()), reason)
