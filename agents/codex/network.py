"""Whether codex's tools reach the network, by the words of its command and its config.toml.

Only its ``workspace-write`` sandbox asks the key ``network_access``. The read-only sandbox never
lets a tool out, and without a sandbox nothing is closed. Above the issue's configuration stand, in
this order: the ``.codex/config.toml`` of a trusted project, a profile, the command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..network import ConfiguredNetwork, Network, NetworkAccess, NetworkDecider
from .piped_prompts import CODEX_VALUED
from .project_config import sandbox_of_project

_OFF, _READ_ONLY, _ASKS = "danger-full-access", "read-only", "workspace-write"
_PERMISSIONS = "default_permissions"
_TABLE, _KEY = "sandbox_workspace_write", "network_access"
_UNSANDBOXED = frozenset(("--dangerously-bypass-approvals-and-sandbox", "--yolo"))
_NAMES = {"-s": "--sandbox", "-c": "--config", "-p": "--profile", "-C": "--cd"}


def network_of_codex(words: Sequence[str], configured: ConfiguredNetwork, workdir: Path) -> Network:
    """Return what a command and its configuration make of the network.

    Reads the configuration of the project.

    :param words: codex's own, from its name on.
    :param workdir: the directory that it starts in.
    """
    options = list(_options(words))
    names = dict(options)
    own = dict(_split(value) for name, value in options if name == "--config")
    mode, asked = _sandbox(names, own), _asked(own)
    if mode in (_OFF, _READ_ONLY):
        return _by_sandbox(mode, NetworkDecider.COMMAND, "the command")
    if mode is None or asked is None:
        above = _above(names, own, workdir / names.get("--cd", ""))
        if above is not None:
            return above
    if "--ignore-user-config" in names:
        configured = ConfiguredNetwork(open=False, decided_by=NetworkDecider.COMMAND)
    if mode is None and configured.sandbox in (_OFF, _READ_ONLY):
        return _by_sandbox(configured.sandbox, NetworkDecider.CONFIG, "config.toml")
    if mode is None and configured.sandbox == _PERMISSIONS:
        return Network(None, NetworkDecider.CONFIG, f"config.toml sets {_PERMISSIONS}")
    if asked is not None:
        return _decided(asked, NetworkDecider.COMMAND, f"the command sets {_KEY}")
    why = "the command ignores config.toml" if "--ignore-user-config" in names else ""
    return _decided(configured.open, configured.decided_by, why)


def _above(names: Mapping[str, str], own: Mapping[str, str], cwd: Path) -> Network | None:
    """Return a doubt that the command raises: something stands above the issue's configuration."""
    if _PERMISSIONS in own:
        return Network(None, NetworkDecider.COMMAND, f"the command sets {_PERMISSIONS}")
    if "--profile" in names or "profile" in own:
        why = "the command names a profile, which may decide otherwise"
        return Network(None, NetworkDecider.PROFILE, why)
    if (found := sandbox_of_project(cwd)) is not None:
        return Network(None, NetworkDecider.PROJECT, f"{found} may decide otherwise")
    return None


def _asked(own: Mapping[str, str]) -> bool | None:
    """Return what ``-c`` says of the key, whole or in a table of its own."""
    found = re.fullmatch("true|false", own.get(f"{_TABLE}.{_KEY}", ""))
    found = found or re.search(rf"(?<={_KEY}=)(true|false)", own.get(_TABLE, "").replace(" ", ""))
    return None if found is None else found[0] == "true"


def _by_sandbox(mode: str, decided_by: NetworkDecider, who: str) -> Network:
    if mode == _OFF:
        return _decided(True, decided_by, f"{who} turns codex's sandbox off")
    return _decided(False, decided_by, f"{who} chooses codex's read-only sandbox")


def _decided(is_open: bool, decided_by: NetworkDecider, why: str) -> Network:
    return Network(NetworkAccess.ON if is_open else NetworkAccess.OFF, decided_by, why)


def _sandbox(names: Mapping[str, str], own: Mapping[str, str]) -> str | None:
    """Return the sandbox mode that a command asks for; an option wins over ``-c``."""
    if _UNSANDBOXED & names.keys():
        return _OFF
    if "--full-auto" in names:
        return _ASKS
    return names.get("--sandbox") or own.get("sandbox_mode")


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a command in their long form, each with its value."""
    rest = iter(words[1:])
    for word in rest:
        if word == "--":
            return
        if word in CODEX_VALUED:
            yield _NAMES.get(word, word), next(rest, "")
        elif word.startswith("--"):
            name, _, value = word.partition("=")
            yield name, value
        elif word.startswith("-"):
            yield _NAMES.get(word[:2], word[:2]), word[2:].removeprefix("=")


def _split(setting: str) -> tuple[str, str]:
    """Split ``key=value``, without the marks of a text in TOML."""
    key, _, value = setting.partition("=")
    return key.strip(), value.strip().strip("\"'")
