"""Read what lies in a workspace's own codex home."""

from __future__ import annotations

import tomllib

from codexlab.workspace.paths import WorkspacePaths


def config_of(paths: WorkspacePaths) -> dict[str, object]:
    """Return the values of the workspace's ``config.toml``."""
    return tomllib.loads((paths.codex_home / "config.toml").read_text())
