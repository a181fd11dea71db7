"""Run a program without root's rights, for tests of permissions and locks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.commands import run_to_end

NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Unprivileged:
    """Runs programs as an ordinary user: uid 65534 under root, else simply as we are.

    :param home: a directory that user owns; HOME and temporary files lie there.
    :param environ: environment of the program, HOME aside.
    """

    home: Path
    environ: Mapping[str, str]

    def argv(self, arguments: Sequence[str | Path]) -> list[str]:
        """Return the vector that runs ``arguments`` without root's rights.

        The one capability left lets that user read an interpreter below somebody
        else's private home; it changes nothing about writing, locks or leases.
        """
        plain = [str(argument) for argument in arguments]
        return plain if os.geteuid() != 0 else become(NOBODY, plain)

    def places(self) -> dict[str, str]:
        """Return the variables that keep what a launch makes in this user's home."""
        kinds = ("CONFIG", "STATE", "CACHE", "DATA")
        own = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in kinds}
        return {**own, "CODEXLAB_WORKSPACES_ROOT": str(self.home / "ws")}

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        timeout: float = 60.0,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end and return output and status; nothing is checked.

        :raises subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.
        """
        environment = {**self.environ, "HOME": str(self.home), **(environ or {})}
        return run_to_end(self.argv(arguments), environment, cwd or self.home, timeout=timeout)


def become(uid: int, command: Sequence[str]) -> list[str]:
    """Return the vector that runs a command as another user; only for root."""
    identity = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    capability = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return ["setpriv", *identity, *capability, "--", *command]


def without_power_over_files(command: Sequence[str | Path]) -> list[str]:
    """Return the vector that runs a command as ourselves, whom the modes of files bind.

    Root stays root, so an interpreter in its private home can be read.
    """
    plain = [str(word) for word in command]
    if os.geteuid() != 0:
        return plain
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--", *plain]


def why_not() -> str:
    """Say why an unprivileged run is impossible here, or return an empty string."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "setpriv (util-linux) is not installed"
    return ""


def give(path: Path) -> Path:
    """Make ``path`` belong to the unprivileged user."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    return path
