"""A shared home that cannot be written to: the line names it, and its remedy works."""

from __future__ import annotations

import os

import pytest
from support.lab import Lab
from support.users.unprivileged import Unprivileged, give


@pytest.fixture
def environ(as_nobody: Unprivileged) -> dict[str, str]:
    """The environment of a user whose ``~/.codex`` may only be read."""
    home = as_nobody.home / ".codex"
    home.mkdir()
    (home / "AGENTS.md").write_text("read me")
    give(home).chmod(0o555)
    places = {"XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
    return {
        "CODEX_HOME": str(home),
        "CODEXLAB_WORKSPACES_ROOT": str(as_nobody.home / "ws"),
        **{name: str(as_nobody.home / place) for name, place in places.items()},
    }


def test_the_line_names_the_shared_home_and_what_to_do_works(
    lab: Lab, as_nobody: Unprivileged, environ: dict[str, str]
) -> None:
    flags = ["--issue", "1", "--no-repo", "--agent", "codex"]
    refused = as_nobody.run(lab.argv(flags, ["true"]), environ=environ)
    assert refused.returncode == 125
    assert refused.stderr.count("\n") == 1
    assert environ["CODEX_HOME"] in refused.stderr
    assert "--sessions issue" in refused.stderr
    argv = lab.argv([*flags, "--sessions", "issue"], ["sh", "-c", "cat $CODEX_HOME/AGENTS.md"])
    done = as_nobody.run(argv, environ=environ)
    assert (done.returncode, done.stdout) == (0, "read me"), done.stderr
    assert "codex's locks are this issue's own" in done.stderr
    assert os.listdir(environ["CODEX_HOME"]) == ["AGENTS.md"]
