"""A project file may hold anything: each absurd value is one line with file and key, and 125."""

from __future__ import annotations

import pytest
from support.lab import Lab

ABSURD = {
    "cpu_max": ["1e308", "1e300"],
    "pids_max": ["9" * 30],
    "memory_max": ["9" * 30, f'"{"9" * 300}T"'],
    "timeout": ["1e300", f'"{"9" * 400}s"'],
    "base": [r'"a\u0000b"', f'"{"b" * 60_000}"'],
}


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, value) for key, values in ABSURD.items() for value in values],
    ids=lambda text: text[:12],
)
def test_an_absurd_value_is_one_short_line(lab: Lab, key: str, value: str) -> None:
    (lab.cwd / ".codexlab.toml").write_text(f"{key} = {value}\n")
    done = lab.run(["--issue", "1"], ["true"])
    assert done.returncode == 125, done.stderr
    (line,) = done.stderr.splitlines()
    assert ".codexlab.toml" in line
    assert key in line
    assert len(line) < 400


def test_one_dotted_key_without_end_is_one_line(lab: Lab) -> None:
    (lab.cwd / ".codexlab.toml").write_text(f"a{'.a' * 40_000} = 1\n")
    done = lab.run(["--issue", "1"], ["true"])
    assert done.returncode == 125
    (line,) = done.stderr.splitlines()
    assert ".codexlab.toml:1: a key of more than 64 parts" in line
