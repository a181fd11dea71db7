"""A user of one test's own, whose processes or descriptors the kernel limits (setrlimit(2))."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .unprivileged import become

_FIRST, _USERS = 61_000, 4_000


@dataclass(frozen=True, slots=True)
class Crowded:
    """Runs ``codexlab-run`` as a user that nobody else is while this test runs.

    The kernel counts the processes of a user, wherever they are: so it must be one who has
    no others. ``RLIMIT_NPROC`` holds for nobody with root's rights.
    """

    uid: int
    home: Path
    environ: Mapping[str, str]

    def argv(self, limit: str, flags: Sequence[str], command: Sequence[str]) -> list[str]:
        """Return the vector of a launch.

        :param limit: an option of prlimit(1), such as ``--nproc=4``.
        """
        program = [str(Path(sys.executable).parent / "codexlab-run"), *flags, "--", *command]
        return become(self.uid, ["prlimit", limit, *program])

    def start(
        self, limit: str, flags: Sequence[str], command: Sequence[str]
    ) -> subprocess.Popen[str]:
        """Start a launch; stdout and stderr are pipes."""
        return subprocess.Popen(
            self.argv(limit, flags, command),
            cwd=self.home,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[int]:
        """Return the pids of this user's processes, read from the kernel."""
        found: list[int] = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat(f"/proc/{name}").st_uid == self.uid:
                    found.append(int(name))
            except FileNotFoundError:
                continue
        return found


def make_user(home: Path, environ: Mapping[str, str]) -> Crowded:
    """Give a directory to a user of this process's own; only for root."""
    uid = _FIRST + os.getpid() % _USERS
    home.mkdir()
    os.chown(home, uid, uid)
    places = {
        "HOME": str(home),
        "TMPDIR": str(home),
        "CODEXLAB_WORKSPACES_ROOT": str(home / "ws"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_RUNTIME_DIR": "",
    }
    kept = {name: environ[name] for name in ("PATH", "LANG")}
    return Crowded(uid, home, {**kept, **places})
