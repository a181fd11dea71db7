"""A place of a benchmark's own: its home, state, caches and temporary files, gone when it ends.

What is measured keeps a registry of runs, caches and homes in the places that the environment
names. Pointing the environment elsewhere, before anything is started, keeps a benchmark out of
the user's own.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_FOREIGN = ("CODEX", "CLAUDE", "OPENAI_", "ANTHROPIC_", "GIT_", "XDG_")


@contextmanager
def own_places(parent: Path | None = None) -> Generator[Path]:
    """Make a directory, let this process and what it starts live in it, and remove it.

    TERM and HUP end the benchmark as INT does, so that nothing is left then either.

    :param parent: where to make it; by default where temporary files belong.
    """
    scratch = Path(tempfile.mkdtemp(prefix="codexlab-bench-", dir=parent))
    before, cached = dict(os.environ), tempfile.tempdir
    try:
        for name in ("run", "tmp", "own"):
            (scratch / name).mkdir(mode=0o700)
        for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
            del os.environ[name]
        os.environ.update(_places(scratch))
        tempfile.tempdir = None
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, _leave)
        yield scratch
    finally:
        os.environ.clear()
        os.environ.update(before)
        tempfile.tempdir = cached
        shutil.rmtree(scratch, ignore_errors=True)


def _places(scratch: Path) -> dict[str, str]:
    home = scratch / "own"
    return {
        "HOME": str(home),
        "TMPDIR": str(scratch / "tmp"),
        "XDG_RUNTIME_DIR": str(scratch / "run"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "CODEX_HOME": str(home / ".codex"),
        "CODEXLAB_WORKSPACES_ROOT": str(home / "workspaces"),
    }


def _leave(signum: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + signum)
