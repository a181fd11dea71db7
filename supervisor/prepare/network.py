"""The network of a run: what is asked for, what holds, and the words for both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...agents.network import ConfiguredNetwork, Network, NetworkAccess, NetworkDecider
from ...agents.recognition import own_words
from ...agents.registry import adapter_of
from ..errors import NetworkOverruled
from ..plan import Plan

_BY = {NetworkDecider.SETTING: " (--network)", NetworkDecider.CONFIG: " (your config.toml)"}


def asked_network(plan: Plan) -> bool | None:
    """Return what the issue's configuration must say; None where the launch asks for nothing."""
    asked = plan.request.network
    if asked is None or not adapter_of(plan.agent).takes_network:
        return None
    return asked == NetworkAccess.ON


def network_of(plan: Plan, configured: ConfiguredNetwork | None, workdir: Path) -> Network | None:
    """Return what holds for the run; None where we do not know.

    :param configured: what the issue's configuration says; None where it cannot be read.
    :param workdir: the directory that the agent starts in.
    :raises NetworkOverruled: it should be closed, and a file of the project may open it.
    """
    if configured is None:
        return None
    words = own_words(plan.request.command)
    network = adapter_of(plan.agent).network(words, configured, workdir)
    closed = plan.request.network == NetworkAccess.OFF
    # Elsewhere the user decides otherwise. This file an agent could have written.
    if closed and network is not None and network.decided_by is NetworkDecider.PROJECT:
        raise NetworkOverruled(NetworkAccess.OFF, network.why)
    return network


def contradiction(plan: Plan, network: Network | None) -> str | None:
    """Return one line where something else than ``--network`` decides, or None."""
    request = plan.request
    if request.network is None or network is None or network.access == request.network:
        return None
    if network.access is None:
        line = f"--network {request.network} may not hold: {network.why}"
    else:
        line = (
            f"--network {request.network} does not hold: {network.why},"
            f" so the network is {network.access}"
        )
    if not request.origins:
        return line
    from ..settings.origins import name_origins

    return name_origins(line, request.origins, with_lines=False)


def network_fields(network: Network | None) -> Mapping[str, str | None]:
    """Return the fields of the record, the event and ``--dry-run``."""
    if network is None:
        return {"network": None, "network_decided_by": None}
    return {"network": network.access, "network_decided_by": network.decided_by}


def describe_network(network: Network | None) -> str:
    """Say it in a few words for a person; empty where we do not know the agent's ways."""
    if network is None:
        return ""
    state = f"network {network.access or 'unknown'}"
    return state + (f" ({network.why})" if network.why else _BY.get(network.decided_by, ""))
