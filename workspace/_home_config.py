"""Keep ``config.toml`` of a codex-home right, without parsing it when nothing changed.

``home.json`` in our control directory holds the hashes of what was compared last
time. While ours, the shared file and the managed keys are what they were, nothing is
parsed and nothing written. ``config.seed.toml`` keeps the text ours was made from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
from collections.abc import Generator
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

from ..kernel import frozen, replace_file
from ._config import Managed, decide_config, is_inside, references
from ._config_merge import merge_config
from ._dirs import directory, lstat_at, read_small, set_aside
from ._errors import HomeRefused
from ._home_report import HealNotes
from ._owner import DamagedRecord, is_text, parse_object
from ._paths import CONTROL, WorkspacePaths

CONFIG, _SEED, _RECORD = "config.toml", "config.seed.toml", "home.json"
_LIMIT = 16 * 1024 * 1024


@frozen
class _Seen:
    """What was compared last time, as hashes, and what we put into the file."""

    ours: str = ""
    shared: str = ""
    managed: str = ""
    warned: str = ""
    home: str = ""
    roots: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


@frozen
class ConfigPlace:
    """Where the texts are.

    :param home_fd: the codex-home, open.
    :param control_fd: our control directory, open.
    :param home: path of the codex-home, for messages.
    :param shared: path of the shared home.
    """

    home_fd: int
    control_fd: int
    home: Path
    shared: Path


def heal_config(place: ConfigPlace, managed: Managed, notes: HealNotes) -> tuple[str, ...]:
    """Make ``config.toml`` say what it must.

    :returns: the relative paths that the shared configuration names.
    :raises HomeRefused: a configuration cannot be read or is no TOML.
    """
    ours, shared = _ours(place, notes), _shared(place)
    seen = _read_seen(place.control_fd, place.home)
    now = replace(
        seen,
        ours=_hash(ours),
        shared=_hash(shared),
        managed=_hash(repr(managed).encode()),
        home=str(place.shared),
    )
    if ours is not None and now == seen:
        return seen.references
    with _naming(place.shared / CONFIG):
        found = references(_text(shared))
    after = _decide(place, ours, shared, seen, managed, notes)
    record = replace(
        now,
        ours=_hash(after.text),
        references=found,
        roots=after.added.roots,
        excluded=after.added.excluded,
        warned=after.warned,
    )
    if record != seen:
        replace_file(_RECORD, json.dumps(asdict(record)).encode(), dir_fd=place.control_fd)
    return found


def recorded_managed(place: ConfigPlace) -> Managed:
    """Return what the last launch put into the file."""
    seen = _read_seen(place.control_fd, place.home)
    return Managed(seen.roots, seen.excluded)


def recorded_shared_home(paths: WorkspacePaths) -> Path | None:
    """Return the shared home of the last launch, or None when there was none."""
    try:
        with directory(paths.base, *paths.names, CONTROL) as control_fd:
            home = _read_seen(control_fd, paths.codex_home).home
    except FileNotFoundError:
        return None
    return Path(home) if home.startswith("/") and is_text(home) else None


def merge_shared_config(place: ConfigPlace, managed: Managed, notes: HealNotes) -> None:
    """Bring the shared file's changes into an edited one, key by key; ours wins.

    The result counts as edited; its seed becomes today's shared file.
    """
    heal_config(place, managed, notes)
    ours, shared = _text(_ours(place, notes)), _text(_shared(place))
    seed = read_small(_SEED, place.control_fd, place.home / CONFIG)
    with _naming(place.home / CONFIG):
        merged, conflicts = merge_config(ours, shared, _text(seed))
    notes.warnings.extend(
        f"{CONFIG}: {name} differs on both sides, kept ours" for name in conflicts
    )
    if merged != ours:
        replace_file(CONFIG, merged.encode(), dir_fd=place.home_fd)
        notes.fixed.append(f"{CONFIG} (merged)")
    replace_file(_SEED, shared.encode(), dir_fd=place.control_fd)
    heal_config(place, managed, notes)


@frozen
class _After:
    text: bytes
    added: Managed
    warned: str


def _decide(
    place: ConfigPlace,
    ours: bytes | None,
    shared: bytes | None,
    seen: _Seen,
    managed: Managed,
    notes: HealNotes,
) -> _After:
    seed = read_small(_SEED, place.control_fd, place.home / CONFIG)
    before = Managed(seen.roots, seen.excluded)
    with _naming(place.home / CONFIG):
        decision = decide_config(
            None if ours is None else _text(ours),
            _text(shared),
            None if seed is None else _text(seed),
            managed,
            before,
        )
    text = decision.text.encode()
    # The seed goes first: a crash in between leaves ours unlike its seed, which is
    # taken for an edit and kept, never for something that may be overwritten.
    if decision.reseeded and seed != decision.seed.encode():
        replace_file(_SEED, decision.seed.encode(), dir_fd=place.control_fd)
    if text != ours:
        replace_file(CONFIG, text, dir_fd=place.home_fd)
        (notes.created if ours is None else notes.fixed).append(CONFIG)
    warned = _warn(decision.edited, decision.moved_on, _hash(shared), seen, notes)
    return _After(text, decision.added, warned)


def _warn(edited: bool, moved_on: bool, shared: str, seen: _Seen, notes: HealNotes) -> str:
    if edited:
        notes.kept.append(CONFIG)
    if moved_on and seen.warned != shared:
        notes.warnings.append(
            f"{CONFIG} was edited here and the shared one has changed since;"
            " 'codexlab workspace heal --merge' brings both together"
        )
        return shared
    return seen.warned


def _ours(place: ConfigPlace, notes: HealNotes) -> bytes | None:
    found = lstat_at(CONFIG, place.home_fd)
    if found is not None and stat.S_ISLNK(found.st_mode):
        aside = set_aside(CONFIG, place.home_fd)
        notes.warnings.append(f"{CONFIG}: was a link, kept as {aside}, seeded anew")
        return None
    return read_small(CONFIG, place.home_fd, place.home / CONFIG)


def _shared(place: ConfigPlace) -> bytes | None:
    path = place.shared / CONFIG
    try:
        with open(path, "rb") as file:
            return file.read(_LIMIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeRefused(path, error.strerror or str(error)) from None


def _text(data: bytes | None) -> str:
    return (data or b"").decode()


def _hash(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _read_seen(control_fd: int, home: Path) -> _Seen:
    data = read_small(_RECORD, control_fd, home / _RECORD)
    try:
        values = parse_object(data or b"")
    except DamagedRecord:
        # It only saves work: without it everything is compared anew.
        return _Seen()
    ours, shared, managed, warned, shared_home = (
        str(values.get(name, "")) for name in ("ours", "shared", "managed", "warned", "home")
    )
    roots, excluded, named = (
        _strings(values.get(name)) for name in ("roots", "excluded", "references")
    )
    # Agents can write this file: a name that would lead out of the home is no name.
    named = tuple(filter(is_inside, named))
    return _Seen(ours, shared, managed, warned, shared_home, roots, excluded, named)


def _strings(value: object) -> tuple[str, ...]:
    return tuple(map(str, cast("list[object]", value))) if isinstance(value, list) else ()


@contextlib.contextmanager
def _naming(path: Path) -> Generator[None, None, None]:
    """Turn a complaint about a text into one line that names its file."""
    try:
        yield
    except ValueError as error:
        reason = f"{error}; mend it, or delete the file to have it seeded again"
        raise HomeRefused(path, reason) from None
