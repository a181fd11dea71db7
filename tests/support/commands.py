"""Run a program to its end, as most tests do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

CODEXLAB: Final = Path(sys.executable).with_name("codexlab")
"""The installed ``codexlab``."""


def run_to_end(
    words: Sequence[str | Path],
    environ: Mapping[str, str],
    cwd: Path | None = None,
    *,
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """Run a program without input, and return its status and what it wrote; nothing is checked.

    :param timeout: seconds; far more than any of these programs takes.
    :raises subprocess.TimeoutExpired: it took longer.
    """
    return subprocess.run(
        [str(word) for word in words],
        env=dict(environ),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def codexlab(
    environ: Mapping[str, str], *words: str | Path, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the installed ``codexlab`` with these words."""
    return run_to_end([CODEXLAB, *words], environ, cwd)


def codexlab_in_bounds(
    environ: Mapping[str, str], *words: str, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run ``codexlab`` with no more memory than it can need; it must not end in a traceback."""
    limit = ["prlimit", f"--as={4 << 30}", "--"]
    done = run_to_end([*limit, CODEXLAB, *words], environ, timeout=timeout)
    assert "Traceback" not in done.stderr, (words, done.stderr)
    return done


def program(name: str) -> str:
    """Return the text of one of ``tests/support/programs``, to be run by ``python -c``.

    A program is given as its text, for another user may not be able to read the checkout.
    """
    return Path(__file__).with_name("programs").joinpath(f"{name}.py").read_text()
