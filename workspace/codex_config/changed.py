"""What a changed configuration makes of ``config.toml``: parsed, decided on, written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...kernel.files.atomic import replace_file
from ...kernel.toml import TomlError, decode_toml, parse_toml
from ...kernel.values import frozen, replace
from ..errors import HomeRefused
from ..fs import read_small
from .home_bound_keys import with_databases_here, without_effect_here
from .hook_trust import trust_here
from .managed import CONFIG, SEED, ConfigPlace, Managed
from .network import configured_network, sandbox_in
from .notes import Table
from .record import Seen, hash_of, write_seen
from .references import references
from .report import HealNotes
from .texts import ConfigDecision, check_shape, decide_config

_MARK = "\ufeff".encode()


@frozen
class Texts:
    """The files as they are; None: there is no such file.

    :param ours: the file in the codex-home.
    :param shared: the file in the shared home.
    :param profiles: those that can be read.
    """

    ours: bytes | None
    shared: bytes | None
    profiles: tuple[bytes, ...]


def follow_changes(
    place: ConfigPlace, texts: Texts, seen: Seen, now: Seen, managed: Managed, notes: HealNotes
) -> tuple[str, ...]:
    """Make ``config.toml`` say what it must, and note what was compared.

    :param seen: what was compared last time.
    :param now: the same of today.
    :returns: the relative paths that the shared configuration and its profiles name.
    """
    try:
        values = _values(texts.shared)
        check_shape(values)
    except ValueError as error:
        refuse_where_asked(managed, place.shared / CONFIG, error)
        _pass_on(place, texts, error, notes)
        return ()
    found = tuple(dict.fromkeys((*references(values), *_named_by(texts.profiles))))
    if texts.ours is None or now.shared != seen.shared:
        notes.warnings.extend(without_effect_here(values, place.shared))
    try:
        after = _decide(place, texts, seen, _with_trust(managed, values, place), notes)
    except ValueError as error:
        refuse_where_asked(managed, place.home / CONFIG, error)
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
        network=after.added.network,
        users_network=after.added.users_network,
        sandbox=after.sandbox,
    )
    notes.note_network(configured_network(record.network, record.users_network, record.sandbox))
    if record != seen:
        write_seen(place.control_fd, record)
    return found


def refuse_where_asked(managed: Managed, path: Path, error: ValueError) -> None:
    """Refuse to launch with a network that codex would not be told of.

    :raises HomeRefused: a network is asked for.
    """
    if managed.network is not None:
        reason = f"{error}, so --network cannot be written; mend the file, or leave --network out"
        raise HomeRefused(path, reason)


def _pass_on(place: ConfigPlace, texts: Texts, error: ValueError, notes: HealNotes) -> None:
    """Give codex the shared file as it is; one that was edited here stays."""
    ours, shared = texts.ours, texts.shared or b""
    follows = ours is None or ours == read_small(SEED, place.control_fd, place.home / CONFIG)
    if follows and ours != shared:
        replace_file(SEED, shared, dir_fd=place.control_fd)
        replace_file(CONFIG, shared, dir_fd=place.home_fd)
        (notes.created if ours is None else notes.fixed).append(CONFIG)
    what = "passed on as it is" if follows else f"the {CONFIG} of this issue is kept"
    notes.warnings.append(_unreadable(place.shared, error, what))


def _unreadable(shared: Path, error: ValueError, what: str) -> str:
    return (
        f"{shared / CONFIG}: {error}; {what}. It grants no network access, and codexlab's"
        " writable roots and exclusions, and the variables it names, are left out"
    )


def foresee(shared: Path, text: bytes | None) -> tuple[str, ...]:
    """Return the lines on the shared configuration that a first launch would tell.

    :param shared: path of the shared home, without links.
    """
    try:
        values = _values(text)
        check_shape(values)
    except ValueError as error:
        return (_unreadable(shared, error, "passed on as it is"),)
    return tuple(without_effect_here(values, shared))


def _with_trust(managed: Managed, shared: Table, place: ConfigPlace) -> Managed:
    homes = (str(place.shared), os.path.abspath(place.named))
    trusted = trust_here(shared, homes, os.path.realpath(place.home))
    return replace(managed, trusted=trusted)


@frozen
class _After:
    text: bytes
    added: Managed
    warned: str
    sandbox: str


def _decide(
    place: ConfigPlace, texts: Texts, seen: Seen, managed: Managed, notes: HealNotes
) -> _After:
    ours, shared = texts.ours, texts.shared
    seed = read_small(SEED, place.control_fd, place.home / CONFIG)
    decision = decide(texts, seed, seen, managed)
    text = decision.text.encode()
    if ours is not None and ours.startswith(_MARK) and not decision.reseeded:
        text = _MARK + text
    # The seed goes first. After a crash in between, ours is unlike its seed. That is taken for
    # an edit and kept, never for a file that may be overwritten.
    if decision.reseeded and seed != decision.seed.encode():
        replace_file(SEED, decision.seed.encode(), dir_fd=place.control_fd)
    if text != ours:
        if decision.added.network is not None:
            # First of all, too: otherwise the launch's word would be taken for the user's.
            network, users = decision.added.network, decision.added.users_network
            write_seen(place.control_fd, replace(seen, network=network, users_network=users))
        replace_file(CONFIG, text, dir_fd=place.home_fd)
        (notes.created if ours is None else notes.fixed).append(CONFIG)
    warned = _warn(decision.edited, decision.moved_on, hash_of(shared), seen, notes)
    return _After(text, decision.added, warned, sandbox_in(parse_toml(decision.text)))


def decide(texts: Texts, seed: bytes | None, seen: Seen, managed: Managed) -> ConfigDecision:
    """Decide what our file must say; pure.

    :raises ValueError: a text cannot be read, or a managed key has a type it cannot have.
    """
    ours = texts.ours
    before = Managed(seen.roots, seen.excluded, seen.trusted, seen.network, seen.users_network)
    # Equal to its seed, it holds nothing of anybody's: it may be one that was passed on.
    old = None if ours is None or ours == seed else decode_toml(ours)
    source = decode_toml(texts.shared or b"")
    source = with_databases_here(source, parse_toml(source))
    return decide_config(old, source, _readable(seed), managed, before)


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


def _named_by(profiles: tuple[bytes, ...]) -> Iterator[str]:
    for text in profiles:
        try:
            yield from references(_values(text))
        except TomlError:
            continue


def _values(data: bytes | None) -> Table:
    return parse_toml(decode_toml(data or b""))
