"""``home.json`` in our control directory: what was compared last time, and what we added.

It only saves work. Agents can write it: without it, or with nonsense in it, everything
is compared anew, and no name in it leads out of the home.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import cast

from ...kernel.files.atomic import replace_file
from ...kernel.values import asdict, frozen
from ..fs import directory, read_small
from ..owner import DamagedRecord, is_text, parse_object
from ..paths import CONTROL, WorkspacePaths
from .managed import Trust
from .references import is_inside

_RECORD = "home.json"
# What an agent made longer is not kept in memory.
_USUAL = 16 * 1024


@frozen
class Seen:
    """Hashes of the last comparison, and the content that we put into the file."""

    ours: str = ""
    shared: str = ""
    profiles: str = ""
    managed: str = ""
    warned: str = ""
    home: str = ""
    roots: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    trusted: Trust = ()
    references: tuple[str, ...] = ()
    network: bool | None = None
    users_network: bool | None = None
    sandbox: str = ""


def hash_of(data: bytes | None) -> str:
    """Return a hash of a file's content; empty where there is no file."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


def read_seen(control_fd: int, home: Path) -> Seen:
    """Return the record of the last comparison; an empty one where there is none."""
    data = read_small(_RECORD, control_fd, home / _RECORD) or b""
    return _parse_usual(data) if len(data) <= _USUAL else _parse(data)


@lru_cache(maxsize=8)
def _parse_usual(data: bytes) -> Seen:
    """Parse a record of a usual length: each launch reads it twice, and it seldom changes."""
    return _parse(data)


def _parse(data: bytes) -> Seen:
    try:
        values = parse_object(data)
    except DamagedRecord:
        return Seen()
    ours, shared, profiles, managed, warned, shared_home = (
        str(values.get(name, ""))
        for name in ("ours", "shared", "profiles", "managed", "warned", "home")
    )
    roots, excluded, named = (
        _strings(values.get(name)) for name in ("roots", "excluded", "references")
    )
    named = tuple(filter(is_inside, named))
    trusted = _pairs(values.get("trusted"))
    network, users = (_switch(values.get(name)) for name in ("network", "users_network"))
    added = roots, excluded, trusted, named, network, users, str(values.get("sandbox", ""))
    return Seen(ours, shared, profiles, managed, warned, shared_home, *added)


def write_seen(control_fd: int, seen: Seen) -> None:
    """Remember what was compared."""
    replace_file(_RECORD, json.dumps(asdict(seen)).encode(), dir_fd=control_fd)


def recorded_shared_home(paths: WorkspacePaths) -> Path | None:
    """Return the shared home of the last launch, or None when there was none."""
    try:
        with directory(paths.base, *paths.names, CONTROL) as control_fd:
            return shared_home_in(read_seen(control_fd, paths.codex_home))
    except FileNotFoundError:
        return None


def shared_home_in(seen: Seen) -> Path | None:
    """Return the shared home that a record names, or None."""
    return Path(seen.home) if seen.home.startswith("/") and is_text(seen.home) else None


def _switch(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _strings(value: object) -> tuple[str, ...]:
    return tuple(map(str, cast("list[object]", value))) if isinstance(value, list) else ()


def _pairs(value: object) -> Trust:
    found = map(_strings, cast("list[object]", value) if isinstance(value, list) else [])
    return tuple((pair[0], pair[1]) for pair in found if len(pair) == 2)
