"""A store that cannot be read whole is not called empty, and the exit status says it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import CODEXLAB
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write
from support.users.unprivileged import without_power_over_files

Command = Callable[..., subprocess.CompletedProcess[str]]
WORDS = {
    "list": ("list",),
    "list as JSON": ("list", "--json"),
    "stats": ("stats", "--sample", "0"),
    "stats as JSON": ("stats", "--sample", "0", "--json"),
    "search": ("search", "needle"),
}


@pytest.fixture
def home(scratch: Path) -> Path:
    """A store of one thread, whose archive nobody may look into."""
    home = scratch / "codex"
    path = rollout_path(home, thread_id(1))
    write(path, lines(meta(thread_id(1)), message("user", "needle")))
    (home / "archived_sessions").mkdir(mode=0)
    return home


@pytest.fixture
def command(home: Path, clean_environ: dict[str, str]) -> Command:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = without_power_over_files([CODEXLAB, "rollout", *words, "--codex-home", home])
        return subprocess.run(
            argv, env=clean_environ, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def left_out(home: Path, name: str) -> str:
    return f"codexlab: left out {home / name}: Permission denied\n"


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_the_rest_is_shown_beside_one_line(
    command: Command, home: Path, words: tuple[str, ...]
) -> None:
    done = command(*words)
    assert done.stderr == left_out(home, "archived_sessions")
    assert done.returncode == (0 if words[0] == "search" else 125)
    assert "1 rollout" in done.stdout or thread_id(1) in done.stdout


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--json",)], ids=["", "dry run", "JSON"])
def test_a_sweep_compresses_the_rest(command: Command, home: Path, more: tuple[str, ...]) -> None:
    done = command("sweep", "--cold-age", "0s", "--grace", "0s", *more)
    assert done.returncode == 125
    assert done.stderr.startswith(left_out(home, "archived_sessions"))
    assert bool([*home.rglob("*.zst")]) == ("--dry-run" not in more)


def test_the_document_of_a_list_names_it_too(command: Command, home: Path) -> None:
    (bad,) = json.loads(command("list", "--json").stdout)["unreadable"]
    assert bad == {"path": str(home / "archived_sessions"), "reason": "Permission denied"}


def test_a_search_that_found_nothing_does_not_say_that_there_is_nothing(
    command: Command, home: Path
) -> None:
    assert command("search", "haystack").returncode == 125
    (home / "archived_sessions").rmdir()
    assert command("search", "haystack").returncode == 1


def test_a_store_that_is_shut_as_a_whole_is_not_called_empty(command: Command, home: Path) -> None:
    (home / "archived_sessions").rmdir()
    (home / "sessions").chmod(0)
    done = command("list")
    (home / "sessions").chmod(0o700)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == left_out(home, "sessions")
