"""Keep ``config.toml`` of a codex-home right, without parsing it when nothing changed.

`Seen` holds the hashes of what was compared last time. While ours, the shared file, the
profiles beside it and the managed keys are what they were, nothing is parsed and nothing
written. ``config.seed.toml`` keeps the text ours was made from.

A file that cannot be read as TOML here is passed on as it is, with a line about it. What codex
makes of it is for codex to say.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from ...kernel.files.atomic import replace_file
from ...kernel.files.regular_file import read_regular, read_regular_if_any
from ...kernel.toml import TomlError, decode_toml, parse_toml
from ...kernel.values import frozen, replace
from ..errors import HomeRefused
from ..fs import lstat_at, read_small, set_aside
from .home_bound_keys import with_databases_here, without_effect_here
from .hook_trust import trust_here
from .merge import merge_config
from .notes import Table
from .record import Seen, hash_of, read_seen, write_seen
from .references import references
from .report import HealNotes
from .texts import Managed, check_shape, decide_config

CONFIG, _SEED = "config.toml", "config.seed.toml"
_PROFILE = r"[A-Za-z0-9_-]+\.config\.toml"
_MARK = "\ufeff".encode()


@frozen
class ConfigPlace:
    """The places of the texts.

    :param home_fd: the codex-home, open.
    :param control_fd: our control directory, open.
    :param home: path of the codex-home, for messages.
    :param shared: path of the shared home, without links.
    :param named: path of the shared home, as the caller spells it.
    """

    home_fd: int
    control_fd: int
    home: Path
    shared: Path
    named: Path


def heal_config(place: ConfigPlace, managed: Managed, notes: HealNotes) -> tuple[str, ...]:
    """Make ``config.toml`` say what it must.

    :returns: the relative paths that the shared configuration and its profiles name.
    :raises HomeRefused: the shared configuration cannot be opened.
    """
    ours, shared, profiles = _ours(place, notes), _shared(place), tuple(_profiles(place))
    seen = read_seen(place.control_fd, place.home)
    now = replace(
        seen,
        ours=hash_of(ours),
        shared=hash_of(shared),
        profiles=hash_of(b"".join(hash_of(text).encode() for text in profiles)),
        managed=hash_of(repr(managed).encode()),
        home=str(place.shared),
    )
    if ours is not None and now == seen:
        return seen.references
    try:
        values = _values(shared)
        check_shape(values)
    except ValueError as error:
        _pass_on(place, ours, shared or b"", error, notes)
        return ()
    found = tuple(dict.fromkeys((*references(values), *_named_by(profiles))))
    if ours is None or now.shared != seen.shared:
        notes.warnings.extend(without_effect_here(values, place.shared))
    try:
        after = _decide(place, ours, shared, seen, _with_trust(managed, values, place), notes)
    except ValueError as error:
        notes.warnings.append(
            f"{place.home / CONFIG}: {error}; kept as it is, and it does not follow"
            f" {place.shared / CONFIG}; move it away to have it made again"
        )
        return found
    record = replace(
        now,
        ours=hash_of(after.text),
        references=found,
        roots=after.added.roots,
        excluded=after.added.excluded,
        trusted=after.added.trusted,
        warned=after.warned,
    )
    if record != seen:
        write_seen(place.control_fd, record)
    return found


def _pass_on(
    place: ConfigPlace, ours: bytes | None, shared: bytes, error: ValueError, notes: HealNotes
) -> None:
    """Give codex the shared file as it is; one that was edited here stays."""
    follows = ours is None or ours == read_small(_SEED, place.control_fd, place.home / CONFIG)
    if follows and ours != shared:
        replace_file(_SEED, shared, dir_fd=place.control_fd)
        replace_file(CONFIG, shared, dir_fd=place.home_fd)
        (notes.created if ours is None else notes.fixed).append(CONFIG)
    what = "passed on as it is" if follows else f"the {CONFIG} of this issue is kept"
    notes.warnings.append(_unreadable(place.shared, error, what))


def _unreadable(shared: Path, error: ValueError, what: str) -> str:
    return (
        f"{shared / CONFIG}: {error}; {what}. It grants no network access, and codexlab's"
        " writable roots and exclusions, and the variables it names, are left out"
    )


def foresee_config(shared_home: Path) -> tuple[str, ...]:
    """Return the lines on the shared configuration that a first launch would tell; reads only.

    :raises HomeRefused: it cannot be opened.
    """
    shared = Path(os.path.realpath(shared_home))
    try:
        values = _values(_read(shared / CONFIG))
        check_shape(values)
    except ValueError as error:
        return (_unreadable(shared, error, "passed on as it is"),)
    return tuple(without_effect_here(values, shared))


def _with_trust(managed: Managed, shared: Table, place: ConfigPlace) -> Managed:
    homes = (str(place.shared), os.path.abspath(place.named))
    trusted = trust_here(shared, homes, os.path.realpath(place.home))
    return replace(managed, trusted=trusted)


def recorded_managed(place: ConfigPlace) -> Managed:
    """Return the managed settings that the last launch put into the file."""
    seen = read_seen(place.control_fd, place.home)
    return Managed(seen.roots, seen.excluded)


def merge_shared_config(place: ConfigPlace, managed: Managed, notes: HealNotes) -> None:
    """Bring the shared file's changes into an edited one, key by key; ours wins.

    What is left of an edit then still counts as one; its seed becomes today's shared file.

    :raises HomeRefused: one of the texts cannot be read as TOML.
    """
    heal_config(place, managed, notes)
    ours, shared = _ours(place, notes), _shared(place)
    seed = read_small(_SEED, place.control_fd, place.home / CONFIG)
    try:
        texts = [decode_toml(text or b"") for text in (ours, shared, seed)]
        texts[1] = with_databases_here(texts[1], parse_toml(texts[1]))
        merged, conflicts = merge_config(*texts)
    except ValueError as error:
        # Which of them it is was told by the heal before.
        raise HomeRefused(place.home / CONFIG, f"cannot be merged: {error}") from None
    notes.warnings.extend(
        f"{CONFIG}: {name} differs on both sides, kept ours" for name in conflicts
    )
    if merged != texts[0]:
        replace_file(CONFIG, merged.encode(), dir_fd=place.home_fd)
        notes.fixed.append(f"{CONFIG} (merged)")
    replace_file(_SEED, texts[1].encode(), dir_fd=place.control_fd)
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
    seen: Seen,
    managed: Managed,
    notes: HealNotes,
) -> _After:
    seed = read_small(_SEED, place.control_fd, place.home / CONFIG)
    before = Managed(seen.roots, seen.excluded, seen.trusted)
    # Equal to its seed, it holds nothing of anybody's: it may be one that was passed on.
    old = None if ours is None or ours == seed else decode_toml(ours)
    source = decode_toml(shared or b"")
    source = with_databases_here(source, parse_toml(source))
    decision = decide_config(old, source, _readable(seed), managed, before)
    text = decision.text.encode()
    if ours is not None and ours.startswith(_MARK) and not decision.reseeded:
        text = _MARK + text
    # The seed goes first. After a crash in between, ours is unlike its seed. That is taken for
    # an edit and kept, never for a file that may be overwritten.
    if decision.reseeded and seed != decision.seed.encode():
        replace_file(_SEED, decision.seed.encode(), dir_fd=place.control_fd)
    if text != ours:
        replace_file(CONFIG, text, dir_fd=place.home_fd)
        (notes.created if ours is None else notes.fixed).append(CONFIG)
    warned = _warn(decision.edited, decision.moved_on, hash_of(shared), seen, notes)
    return _After(text, decision.added, warned)


def _readable(seed: bytes | None) -> str | None:
    """Return a seed's text; an agent may have written anything there."""
    try:
        text = None if seed is None else decode_toml(seed)
        parse_toml(text or "")
    except TomlError:
        return None
    return text


def _warn(edited: bool, moved_on: bool, shared: str, seen: Seen, notes: HealNotes) -> str:
    if edited:
        notes.kept.append(CONFIG)
    if moved_on and seen.warned != shared:
        notes.warnings.append(
            f"{CONFIG} was edited here and the shared one has changed since;"
            " 'codexlab workspace heal --merge' brings both together"
        )
        return shared
    return seen.warned


def is_profile(name: str) -> bool:
    """Tell whether a file of this name in the shared home is a profile of codex's."""
    return name.endswith(".config.toml") and re.fullmatch(_PROFILE, name) is not None


def _ours(place: ConfigPlace, notes: HealNotes) -> bytes | None:
    found = lstat_at(CONFIG, place.home_fd)
    if found is not None and stat.S_ISLNK(found.st_mode):
        aside = set_aside(CONFIG, place.home_fd)
        notes.warnings.append(f"{CONFIG}: was a link, kept as {aside}, seeded anew")
        return None
    return read_small(CONFIG, place.home_fd, place.home / CONFIG)


def _shared(place: ConfigPlace) -> bytes | None:
    return _read(place.shared / CONFIG)


def _read(path: Path) -> bytes | None:
    try:
        # The user's own, which may be a link to where such files are kept.
        return read_regular_if_any(path, follow=True)
    except OSError as error:
        raise HomeRefused(path, error.strerror or str(error)) from None


def _profiles(place: ConfigPlace) -> Iterator[bytes]:
    """Yield the shared home's profiles; one that cannot be read is codex's matter."""
    for name in sorted(filter(is_profile, os.listdir(place.shared))):
        try:
            yield read_regular(place.shared / name, follow=True)
        except OSError:
            continue


def _named_by(profiles: tuple[bytes, ...]) -> Iterator[str]:
    for text in profiles:
        try:
            yield from references(_values(text))
        except TomlError:
            continue


def _values(data: bytes | None) -> Table:
    return parse_toml(decode_toml(data or b""))
