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

from ...agents.network import ConfiguredNetwork
from ...kernel.files.atomic import replace_file
from ...kernel.files.regular_file import read_regular, read_regular_if_any
from ...kernel.toml import decode_toml, parse_toml
from ...kernel.values import replace
from ..errors import HomeRefused
from ..fs import directory, lstat_at, read_small, set_aside
from ..paths import CONTROL, WorkspacePaths
from .managed import CONFIG, SEED, ConfigPlace, Managed
from .network import configured_network
from .record import Seen, hash_of, read_seen
from .report import HealNotes

_PROFILE = r"[A-Za-z0-9_-]+\.config\.toml"


def heal_config(place: ConfigPlace, managed: Managed, notes: HealNotes) -> tuple[str, ...]:
    """Make ``config.toml`` say what it must.

    :returns: the relative paths that the shared configuration and its profiles name.
    :raises HomeRefused: the shared configuration cannot be opened, or the launch asks for a
        network and the file cannot say it.
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
    # A launch that asks for a network reads the file itself: an agent can write the record.
    if ours is not None and now == seen and managed.network is None:
        notes.note_network(configured_network(None, seen.users_network, seen.sandbox))
        return seen.references
    # Here: usually nothing has changed, and nothing of it is needed.
    from .changed import Texts, follow_changes

    return follow_changes(place, Texts(ours, shared, profiles), seen, now, managed, notes)


def foresee_config(shared_home: Path) -> tuple[str, ...]:
    """Return the lines on the shared configuration that a first launch would tell; reads only.

    :raises HomeRefused: it cannot be opened.
    """
    from .changed import foresee

    shared = Path(os.path.realpath(shared_home))
    return foresee(shared, _read(shared / CONFIG))


def foresee_network(
    paths: WorkspacePaths, shared_home: Path, asked: bool | None
) -> ConfiguredNetwork | None:
    """Return what the issue's ``config.toml`` would say of the network.

    :param asked: what the launch asks for, or None.
    :returns: None where a configuration cannot be read, and is passed on as it is.
    :raises HomeRefused: that is so and a network is asked for; or it cannot be opened.
    """
    from .changed import Texts, decide, refuse_where_asked
    from .network import sandbox_in
    from .texts import check_shape

    managed = Managed(network=asked)
    path = Path(os.path.realpath(shared_home)) / CONFIG
    shared = _read(path)
    ours, seed, seen = _of_the_issue(paths)
    try:
        check_shape(parse_toml(decode_toml(shared or b"")))
        path = paths.codex_home / CONFIG
        decision = decide(Texts(ours, shared, ()), seed, seen, managed)
    except ValueError as error:
        refuse_where_asked(managed, path, error)
        return None
    sandbox = sandbox_in(parse_toml(decision.text))
    return configured_network(asked, decision.added.users_network, sandbox)


def _of_the_issue(paths: WorkspacePaths) -> tuple[bytes | None, bytes | None, Seen]:
    """Return the issue's file, what it was made from, and the record of the last launch."""
    home = paths.codex_home
    try:
        with (
            directory(paths.base, *paths.names, home.name) as home_fd,
            directory(paths.base, *paths.names, CONTROL) as control_fd,
        ):
            ours = read_small(CONFIG, home_fd, home / CONFIG)
            seed = read_small(SEED, control_fd, home / CONFIG)
            return ours, seed, read_seen(control_fd, home)
    except FileNotFoundError:
        return None, None, Seen()


def recorded_managed(place: ConfigPlace) -> Managed:
    """Return the managed settings that the last launch put into the file.

    What it asked for in the network was for that launch alone.
    """
    seen = read_seen(place.control_fd, place.home)
    return Managed(seen.roots, seen.excluded)


def merge_shared_config(place: ConfigPlace, managed: Managed, notes: HealNotes) -> None:
    """Bring the shared file's changes into an edited one, key by key; ours wins.

    What is left of an edit then still counts as one; its seed becomes today's shared file.

    :raises HomeRefused: one of the texts cannot be read as TOML.
    """
    from .home_bound_keys import with_databases_here
    from .merge import merge_config

    heal_config(place, managed, notes)
    ours, shared = _ours(place, notes), _shared(place)
    seed = read_small(SEED, place.control_fd, place.home / CONFIG)
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
    replace_file(SEED, texts[1].encode(), dir_fd=place.control_fd)
    heal_config(place, managed, notes)


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
