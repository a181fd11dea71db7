"""Find the pinned codex versions and give them a home that works offline.

``scripts/install-agents`` puts them below ``build/codex/<version>/``. Their lock
files carry no registry address, so any npm registry serves; for 0.135.0 only
the package of Linux on x86-64 is pinned by its digest.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[3]
INSTALLED: Final = CHECKOUT / "build" / "codex"

CURRENT: Final = "0.171.0"
OLD: Final = "0.135.0"
"""The old one: it knows neither thread locks nor compressed rollouts."""

STUB_KEY: Final = "stub-key-for-loopback"
"""Value of the provider key in the test environment; the model server ignores it."""

_OFFLINE = """\
model = "stub-model"
model_provider = "stub"
check_for_update_on_startup = false
{top}
[analytics]
enabled = false

[features]
plugins = false
unbounded_connection_retries = false

[model_providers.stub]
name = "stub"
base_url = "{url}"
env_key = "STUB_KEY"
wire_api = "responses"
request_max_retries = {retries}
stream_max_retries = {retries}
{tables}"""


@dataclass(frozen=True, slots=True)
class Codex:
    """One installed codex.

    :param native: the statically linked program itself.
    :param launcher: the node script of the npm package, which starts it as its child;
        this is what a user's ``codex`` on PATH usually is.
    """

    version: str
    native: Path
    launcher: Path

    def __str__(self) -> str:
        return str(self.native)


def find_codex(version: str = CURRENT) -> Codex | None:
    """Return the installed codex of ``version``, or None when it is not installed."""
    root = INSTALLED / version
    scope = root / "node_modules" / "@openai"
    launcher = scope / "codex" / "bin" / "codex.js"
    natives = sorted(scope.glob("codex-*/vendor/*/bin/codex"))
    if not ((root / "installed").is_file() and launcher.is_file() and natives):
        return None
    return Codex(version, natives[0], launcher)


def find_ripgrep() -> str | None:
    """Return a ripgrep: the machine's own, else the one that codex brings along."""
    codex = find_codex()
    bundled = None if codex is None else codex.native.parents[1] / "codex-path" / "rg"
    return shutil.which("rg") or (str(bundled) if bundled and bundled.is_file() else None)


def write_codex_config(
    home: Path, server_url: str, extra_toml: str = "", *, retries: int = 0
) -> Path:
    """Write the ``config.toml`` with which codex talks to a model server on loopback only.

    Analytics, the update check and plugins would look up foreign hosts.

    :param home: the codex home; created when missing.
    :param server_url: base URL, ending in ``/v1``.
    :param extra_toml: more configuration; keys before its first table go to the top.
    :param retries: how often codex repeats a failed request or stream; its own
        default of 4 and 5 makes a failing test slow.
    :returns: the path written.
    """
    lines = extra_toml.splitlines()
    first_table = next((i for i, line in enumerate(lines) if line.startswith("[")), len(lines))
    top, tables = "\n".join(lines[:first_table]), "\n".join(lines[first_table:])
    home.mkdir(parents=True, exist_ok=True)
    path = home / "config.toml"
    text = _OFFLINE.format(url=server_url, retries=retries, top=top, tables=tables)
    path.write_text(text.rstrip("\n") + "\n")
    return path
