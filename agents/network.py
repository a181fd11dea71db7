"""Whether an agent's tools reach the network, and who decided that."""

from __future__ import annotations

from enum import StrEnum

from ..kernel.values import frozen


class NetworkAccess(StrEnum):
    """The values of ``--network``."""

    ON = "on"
    OFF = "off"


class NetworkDecider(StrEnum):
    """Where the answer came from."""

    DEFAULT = "default"
    SETTING = "setting"
    CONFIG = "config.toml"
    COMMAND = "command"
    PROFILE = "profile"
    PROJECT = "project"


@frozen
class ConfiguredNetwork:
    """The answer of an issue's ``config.toml``, as far as it goes.

    :param open: its tools may reach the network.
    :param decided_by: the default, the setting or the file itself.
    :param sandbox: its ``sandbox_mode``; ``default_permissions`` where that key decides instead.
        Empty where it says neither.
    """

    open: bool
    decided_by: NetworkDecider
    sandbox: str = ""


@frozen
class Network:
    """The network of one run.

    :param access: None where it cannot be known before the run.
    :param why: one clause where something else than the configuration's own key decides.
    """

    access: NetworkAccess | None
    decided_by: NetworkDecider
    why: str = ""
