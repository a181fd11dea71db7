"""Root with a user's HOME: the user still owns all that is in it, and goes on from there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.agents.codex import STUB_KEY, Codex
from support.lab import Lab
from support.model.server import ModelFactory, say
from support.users.unprivileged import NOBODY, Unprivileged, give

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be in another's home")


@pytest.fixture
def environ(as_nobody: Unprivileged) -> dict[str, str]:
    """The environment of both: nothing of it says where anything is but HOME."""
    unset = ("CODEX_HOME", "CODEXLAB_WORKSPACES_ROOT")
    given = {name: value for name, value in as_nobody.environ.items() if name not in unset}
    home = as_nobody.home
    places = {"XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state", "XDG_CACHE_HOME": "c"}
    own = {name: str(home / place) for name, place in places.items()}
    return {**given, **own, "HOME": str(home), "STUB_KEY": STUB_KEY}


def of_root(home: Path) -> list[Path]:
    """Return what in a home is not its owner's."""
    return [path for path in home.rglob("*") if path.lstat().st_uid != NOBODY]


def by_root(lab: Lab, environ: dict[str, str], flags: Sequence[str], command: Sequence[str]) -> str:
    """Run as root in the user's home and return what was said."""
    lab.environ.clear()
    lab.environ.update(environ)
    done = lab.run(flags, command, cwd=Path(environ["HOME"]))
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_nothing_in_it_is_roots_and_the_user_launches_the_same_issue(
    lab: Lab, as_nobody: Unprivileged, environ: dict[str, str]
) -> None:
    flags = ["--issue", "32", "--no-repo", "--agent", "codex"]
    by_root(lab, environ, flags, ["sh", "-c", "mkdir -p a/b; touch a/b/c; ln -s / link"])
    assert of_root(as_nobody.home) == []
    by_root(lab, environ, flags, ["git", "status"])
    assert of_root(as_nobody.home) == []
    for name in ("sessions", "archived_sessions", "thread-writer-locks"):
        assert (as_nobody.home / ".codex" / name).stat().st_uid == NOBODY
    assert os.stat("/").st_uid == 0
    write = ["sh", "-c", "echo x >a/b/c; touch ~/.codex/sessions/x"]
    for issue in ("32", "32b"):
        argv = lab.argv(["--issue", issue, *flags[2:]], write if issue == "32" else ["true"])
        done = as_nobody.run(argv, environ=environ)
        assert done.returncode == 0, done.stderr


def test_real_codex_goes_on_writing_in_a_store_that_root_has_used(
    lab: Lab,
    as_nobody: Unprivileged,
    environ: dict[str, str],
    codex: Codex,
    model: ModelFactory,
    shared_home: Path,
) -> None:
    model([say("one"), say("two")])
    home = as_nobody.home / ".codex"
    home.mkdir()
    give(home)
    (home / "config.toml").write_bytes((shared_home / "config.toml").read_bytes())
    give(home / "config.toml")
    task = [str(codex.native), "exec", "--skip-git-repo-check", "hello"]
    by_root(lab, environ, ["--issue", "1", "--no-repo"], task)
    assert of_root(home) == []
    done = as_nobody.run(lab.argv(["--issue", "1", "--no-repo"], task), environ=environ)
    assert done.returncode == 0, done.stderr
    assert len(list(home.glob("sessions/*/*/*/*.jsonl"))) == 2


def test_a_refused_launch_leaves_nothing_of_roots(
    lab: Lab, as_nobody: Unprivileged, environ: dict[str, str]
) -> None:
    lab.environ.clear()
    lab.environ.update(environ)
    done = lab.run(["--issue", "1", "--no-repo"], ["/no/such/program"], cwd=as_nobody.home)
    assert done.returncode == 127
    assert of_root(as_nobody.home) == []
