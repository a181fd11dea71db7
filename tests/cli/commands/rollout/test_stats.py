"""``codexlab rollout stats`` shows what a store takes and what compressing would save."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.commands import CODEXLAB, run_to_end
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write

from codexlab.cli.commands.rollout.stats import bar_text

_PROGRAM = str(CODEXLAB)


def _stats(home: Path, environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    command = [_PROGRAM, "rollout", "stats", "--codex-home", str(home), *options]
    return run_to_end(command, environ)


def test_stats_show_bars_and_what_could_be_saved(
    scratch: Path, clean_environ: dict[str, str]
) -> None:
    home = scratch / "codex"
    for number in range(6):
        path = rollout_path(home, thread_id(number), at=f"2025-0{number + 1}-01T00-00-00")
        talk = message("user", "the same words again and again " * 200 * (number + 1))
        write(path, lines(meta(thread_id(number)), talk), compressed=number == 0)
    shown = _stats(home, clean_environ, "--top", "3")
    assert shown.returncode == 0
    assert "6 rollouts" in shown.stdout
    assert "by thread (3 of 6)" in shown.stdout
    assert "█" in shown.stdout
    assert "times smaller" in shown.stdout
    document = json.loads(_stats(home, clean_environ, "--json").stdout)
    assert document["total"]["rollouts"] == 6
    assert document["total"]["plain"] == 5
    assert sorted(document["months"]) == [f"2025-0{month}" for month in range(1, 7)]
    assert document["trial"]["factor"] > 10
    assert 0 < document["trial"]["saving"] < document["total"]["plain_bytes"]


def test_an_empty_home_and_a_bad_size_are_plain_lines(
    scratch: Path, clean_environ: dict[str, str]
) -> None:
    home = scratch / "codex"
    assert _stats(home, clean_environ).stdout.startswith("0 rollouts")
    bad = _stats(home, clean_environ, "--sample", "much")
    assert (bad.returncode, bad.stderr.count("\n")) == (125, 1)
    assert "512M" in bad.stderr


@pytest.mark.parametrize(
    ("share", "bar"),
    [(0, "    "), (1, "████"), (0.5, "██  "), (0.03125, "▏   "), (2, "████"), (0.9, "███▋")],
)
def test_a_bar_is_drawn_in_eighths(share: float, bar: str) -> None:
    assert bar_text(share, 4) == bar
