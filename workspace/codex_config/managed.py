"""The file that we keep right: its places, and the content that we keep in it."""

from __future__ import annotations

from pathlib import Path

from ...kernel.values import frozen

CONFIG, SEED = "config.toml", "config.seed.toml"

Trust = tuple[tuple[str, str], ...]
"""Keys of ``hooks.state`` with what each says, as JSON."""


@frozen
class ConfigPlace:
    """The places of the texts.

    :param home_fd: the codex-home, open.
    :param control_fd: our control directory, open.
    :param home: path of the codex-home, for messages.
    :param shared: path of the shared home, without links.
    :param named: path of the shared home, as the caller spells it.
    """

    home_fd: int
    control_fd: int
    home: Path
    shared: Path
    named: Path


@frozen
class Managed:
    """The content that we keep in the file.

    :param roots: directories for ``sandbox_workspace_write.writable_roots``.
    :param excluded: patterns for ``shell_environment_policy.exclude``.
    :param trusted: what the user's trust in hooks is called here, for ``hooks.state``.
    :param network: what a launch asks for in ``sandbox_workspace_write.network_access``, or None.
    :param users_network: what the user's file says there; None: nothing. Only in what was kept.
    """

    roots: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    trusted: Trust = ()
    network: bool | None = None
    users_network: bool | None = None
