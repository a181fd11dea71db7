"""scripts/install-agents with an npm of our own making, so without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.agents.codex import CHECKOUT
from support.commands import run_to_end

LOCKS = Path("tests/support/agents/locks")

_MAKES_A_PACKAGE = "#!/bin/sh\nmkdir -p node_modules && echo called >> ../../npm-calls\n"
_FAILS = "#!/bin/sh\necho 'npm error code E404' >&2\necho 'npm error no such package' >&2\nexit 1\n"


@pytest.fixture
def checkout(scratch: Path) -> Path:
    """A checkout that holds nothing but the script and its manifests."""
    root = scratch / "checkout"
    (root / "scripts").mkdir(parents=True)
    shutil.copy(CHECKOUT / "scripts" / "install-agents", root / "scripts")
    for agent in ("codex", "claude"):
        shutil.copytree(CHECKOUT / LOCKS / agent, root / LOCKS / agent)
    return root


def install(
    checkout: Path, *versions: str, npm: str | None = None
) -> subprocess.CompletedProcess[str]:
    tools = checkout / "tools"
    tools.mkdir(exist_ok=True)
    if npm is not None:
        (tools / "npm").write_text(npm)
        (tools / "npm").chmod(0o755)
    path = f"{tools}:/usr/bin:/bin" if npm else str(tools)
    return run_to_end(
        [sys.executable, checkout / "scripts" / "install-agents", *versions],
        {**os.environ, "PATH": path},
        timeout=30,
    )


def test_every_pinned_version_is_installed_once(checkout: Path) -> None:
    first = install(checkout, npm=_MAKES_A_PACKAGE)
    again = install(checkout, npm=_MAKES_A_PACKAGE)
    assert (first.returncode, again.returncode) == (0, 0)
    assert [line.split()[1] for line in first.stdout.splitlines()] == ["installed"] * 3
    assert [line.split()[1] for line in again.stdout.splitlines()] == ["present"] * 3
    assert (checkout / "build" / "npm-calls").read_text() == "called\n" * 3


def test_a_changed_lock_file_installs_anew(checkout: Path) -> None:
    install(checkout, "codex/0.171.0", npm=_MAKES_A_PACKAGE)
    lock = checkout / LOCKS / "codex/0.171.0/package-lock.json"
    lock.write_text(lock.read_text() + "\n")
    assert "installed" in install(checkout, "codex/0.171.0", npm=_MAKES_A_PACKAGE).stdout


def test_without_npm_it_says_so_with_a_status_of_its_own(checkout: Path) -> None:
    done = install(checkout, "codex/0.171.0")
    assert done.returncode == 3
    assert done.stderr == (
        "install-agents: codex/0.171.0: npm was not found on PATH; install Node.js\n"
    )


def test_a_version_that_is_not_pinned_is_refused(checkout: Path) -> None:
    done = install(checkout, "codex/9.9.9")
    assert done.returncode == 2
    assert done.stderr == (
        "install-agents: no such version codex/9.9.9;"
        " codex/0.135.0, codex/0.171.0, claude/2.1.332\n"
    )


def test_a_failing_npm_leaves_nothing_that_looks_installed(checkout: Path) -> None:
    done = install(checkout, "codex/0.171.0", npm=_FAILS)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "no such package" in done.stderr
    assert not (checkout / "build/codex/0.171.0/installed").exists()


def test_the_lock_files_name_no_registry() -> None:
    locks = list((CHECKOUT / LOCKS).glob("*/*/package-lock.json"))
    assert len(locks) == 3
    for lock in locks:
        assert "resolved" not in lock.read_text()
        assert "://" not in lock.read_text()
