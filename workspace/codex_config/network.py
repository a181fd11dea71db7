"""The key ``network_access`` of ``config.toml``: the user's value, and ours in its place. Pure.

A launch may ask for a value (``--network``). It holds until the next launch: what the user's file
said is remembered and put back.
"""

from __future__ import annotations

from typing import Any, cast

from ...agents.network import ConfiguredNetwork, NetworkDecider
from ...kernel.toml import parse_toml
from .managed import Managed
from .notes import Table, WrongShape

SANDBOX, NETWORK = "sandbox_workspace_write", "network_access"
_MODE, _PERMISSIONS = "sandbox_mode", "default_permissions"


def said_in(values: Table) -> object:
    """Return what a file says of the network; None where it says nothing."""
    sandbox: Any = values.get(SANDBOX, {})
    return cast("Table", sandbox).get(NETWORK) if isinstance(sandbox, dict) else None


def users_network(values: Table, seed: Table, before: Managed) -> bool | None:
    """Return what our file says by its user's will; None where that is nothing.

    :param seed: what the file was made from.
    :param before: what we put into it last time.
    """
    said = said_in(values)
    if before.network is not None and said is before.network:
        return before.users_network
    if before.network is not None and before.users_network is False:
        # A launch that died between record and file left the word of the one before.
        return False
    if said is True and said_in(seed) is None:
        return None  # our default
    return said if isinstance(said, bool) else None


def give_back_network(ours: str, users: bool | None) -> str:
    """Put the user's word back where a launch has put its own; comments stay.

    :param users: the user's word, or None for the default.
    """
    said, wanted = said_in(parse_toml(ours)), users is not False
    if not isinstance(said, bool) or said is wanted:
        return ours
    import tomlkit

    document: Any = tomlkit.parse(ours)
    document[SANDBOX][NETWORK] = wanted
    return tomlkit.dumps(document)


def expect_network(sandbox: Table, asked: bool | None) -> None:
    """Set the key in the table that is wanted: as asked for, else only where it is missing.

    :raises WrongShape: the value in its place could not be put back.
    """
    if asked is None:
        sandbox.setdefault(NETWORK, True)
    elif isinstance(sandbox.get(NETWORK, asked), bool):
        sandbox[NETWORK] = asked
    else:
        raise WrongShape(f"{SANDBOX}.{NETWORK}", "true or false")


def sandbox_in(values: Table) -> str:
    """Return the sandbox that a file chooses; empty where it chooses none."""
    mode = values.get(_MODE)
    if isinstance(mode, str):
        return mode
    return _PERMISSIONS if _PERMISSIONS in values else ""


def configured_network(asked: bool | None, users: bool | None, sandbox: str) -> ConfiguredNetwork:
    """Return what the file says and who decided it.

    :param asked: what the launch asked for, or None.
    :param users: what the user's own configuration says, or None.
    """
    if asked is not None:
        return ConfiguredNetwork(asked, NetworkDecider.SETTING, sandbox)
    if users is not None:
        return ConfiguredNetwork(users, NetworkDecider.CONFIG, sandbox)
    return ConfiguredNetwork(True, NetworkDecider.DEFAULT, sandbox)
