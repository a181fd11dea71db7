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

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.places import FOREIGN, private_places


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
        for name in [name for name in os.environ if name.startswith(FOREIGN)]:
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
    own = private_places(home, runtime=scratch / "run", temporary=scratch / "tmp")
    ours = {"CODEX_HOME": home / ".codex", "CODEXLAB_WORKSPACES_ROOT": home / "workspaces"}
    return own | {name: str(path) for name, path in ours.items()}


def _leave(signum: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + signum)
