"""The demo a stranger runs first does what its lines say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support.agents.codex import CHECKOUT, Codex
from support.commands import run_to_end
from support.lab import Lab


def run_demo(scratch: Path, *flags: str) -> str:
    done = run_to_end(
        [sys.executable, CHECKOUT / "scripts" / "demo.py", *flags],
        {**os.environ, "CODEXLAB_DEMO_DIRECTORY": str(scratch / "demo")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_it_shows_two_tasks_of_a_real_codex_and_that_nothing_is_left(
    scratch: Path, codex: Codex, lab: Lab
) -> None:
    shown = run_demo(scratch)
    assert f"agent       codex {codex.version}\n" in shown
    assert "codexlab-run --issue 123 -- codex exec -s workspace-write" in shown
    assert "+    return a + b" in shown
    assert 'Earlier in this thread you asked: "add() gives wrong results.' in shown
    assert shown.count("\nok  ") == 9
    assert "\x1b[" not in shown


def test_without_codex_it_uses_the_bundled_example_and_says_so(scratch: Path, lab: Lab) -> None:
    shown = run_demo(scratch, "--example")
    assert "bundled examples/example_agent.py, no real codex" in shown
    assert shown.count("\nok  ") == 9
