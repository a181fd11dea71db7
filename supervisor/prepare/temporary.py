"""A run's temp directory: short, private, gone afterwards.

Short because an AF_UNIX path ends at 107 bytes (unix(7)), and agents' tools make sockets
below TMPDIR. On the ordinary temp filesystem: the directory of a login session
(XDG_RUNTIME_DIR) is small, often noexec, and goes away with the session.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping

from ...kernel.real_path import real_path
from ..errors import PlaceUnusable

# Leaves 40 bytes for what a tool calls its socket.
_LONGEST = 107 - 40
_ORDINARY = ("/tmp", "/var/tmp")


def choose_temporary(environ: Mapping[str, str]) -> str:
    """Return a path ``codexlab-<uid>/<8 hex>`` below TMPDIR, /tmp or /var/tmp.

    The first usable directory is taken. It must be writable, short enough, outside XDG_RUNTIME_DIR,
    and on a filesystem where programs may be executed. Where somebody else has the name
    ``codexlab-<uid>`` there, or it is not private, eight hex digits are added to it.

    Nothing is made: the path is written down before the directory exists, so
    that it can be found again after a crash at any moment.
    """
    base = next(filter(os.path.isdir, _bases(environ)), _ORDINARY[0])
    parent = os.path.join(base, f"codexlab-{os.getuid()}")
    if os.path.lexists(parent) and not _is_private(parent):
        parent = f"{parent}-{os.urandom(4).hex()}"
    return os.path.join(parent, os.urandom(4).hex())


def _bases(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the directories to choose from: the ones that serve, then the ones that might."""
    given = environ.get("TMPDIR") or ""
    session = environ.get("XDG_RUNTIME_DIR") or ""
    places = [given, *_ORDINARY] if _is_ordinary(given, session) else [*_ORDINARY]
    usable = [place for place in places if os.access(place, os.W_OK | os.X_OK)]
    yield from (place for place in usable if _runs_programs(place))
    yield from usable


def _is_ordinary(place: str, session: str) -> bool:
    """Tell whether a TMPDIR is short enough, and not of the login session."""
    name = f"codexlab-{os.getuid()}/01234567"
    if not os.path.isabs(place) or len(os.fsencode(os.path.join(place, name))) > _LONGEST:
        return False
    below = session and f"{real_path(place)}/".startswith(f"{real_path(session)}/")
    return not below


def _runs_programs(place: str) -> bool:
    try:
        return not os.statvfs(place).f_flag & os.ST_NOEXEC
    except OSError:
        return False


def _is_private(directory: str) -> bool:
    try:
        found = os.lstat(directory)
    except OSError:
        return False
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    return private and found.st_uid == os.getuid()


def create_temporary(path: str) -> None:
    """Make the chosen directory, 0700, and its parent where it is missing.

    :raises PlaceUnusable: the parent is somebody else's, or a link.
    """
    parent = os.path.dirname(path)
    try:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        if not _is_private(parent):
            raise PlaceUnusable(
                "temp directory",
                parent,
                "is not a private directory of this user",
                "remove it or set TMPDIR",
            )
        os.mkdir(path, 0o700)
    except OSError as error:
        raise PlaceUnusable(
            "temp directory", parent, error.strerror or "", "set TMPDIR or make room"
        ) from None


def is_temporary(path: str) -> bool:
    """Tell whether a path can be one that `choose_temporary` chose for this user.

    That a run chose it is known only from our state directory: see `RunEntry.temporary`.
    """
    pattern = rf"/(?:.*/)?codexlab-{os.getuid()}(?:-[0-9a-f]{{8}})?/[0-9a-f]{{8}}"
    return re.fullmatch(pattern, path) is not None
