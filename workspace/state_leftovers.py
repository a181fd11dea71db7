"""Files that killed launches leave beside the locks in our state directory."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from ..kernel.files.held_locks import flock_holders

# A record is named after its lock: by the device and inode of what both are about.
_TEMPORARY = r"\.([0-9a-f]+-[0-9a-f]+)\.[\w.]+\.[0-9a-f]{12}\.tmp"


def sweep_beside_lock(directory_fd: int, held: str, where: Path | None = None) -> None:
    """Remove what killed writers left of the records of our lock, which must be held.

    :param held: what its name begins with.
    :param where: the directory; remove also what is beside locks that nobody holds. A workdir
        made anew has another number, so nobody takes the lock of the one before again.
    """
    # Listed before the locks are looked at, a file whose lock is then free has no writer.
    for name in os.listdir(directory_fd):
        if not name.endswith(".tmp") or (found := re.fullmatch(_TEMPORARY, name)) is None:
            continue
        with contextlib.suppress(OSError):
            # Its lock is not tried: for that moment its next launch would be refused.
            ours = found[1] == held
            if ours or (where is not None and not flock_holders(where / f"{found[1]}.lock")):
                os.unlink(name, dir_fd=directory_fd)
