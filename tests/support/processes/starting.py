"""Start a program that a test watches while it runs."""

from __future__ import annotations

import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .leaks import descendants, end_processes


@contextmanager
def started_program(
    words: Sequence[str | Path],
    environ: Mapping[str, str],
    cwd: Path | None = None,
    *,
    stderr: int | None = subprocess.PIPE,
) -> Generator[subprocess.Popen[str]]:
    """Start a program without input, to be watched; what still runs at the end is killed.

    :param stderr: None leaves it to whoever reads the report of the tests.
    """
    before = descendants()
    with subprocess.Popen(
        [str(word) for word in words],
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                end_processes(descendants() - before)
