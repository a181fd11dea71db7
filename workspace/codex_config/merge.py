"""Bring two edited ``config.toml`` together, key by key: pure."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

from ...kernel.toml import parse_toml
from .notes import Table


def merge_config(ours: str, shared: str, seed: str) -> tuple[str, tuple[str, ...]]:
    """Bring into ours what the shared file changed since the seed, key by key.

    Where both sides changed a key ours wins. Comments of ours stay.

    :returns: the new text, and the dotted names of keys where both sides differ.
    """
    import tomlkit

    base, theirs, mine = map(parse_toml, (seed, shared, ours))
    document = tomlkit.parse(ours)
    conflicts: list[str] = []
    _merge_table(cast("MutableMapping[str, Any]", document), mine, theirs, base, (), conflicts)
    return tomlkit.dumps(document), tuple(conflicts)


def _merge_table(
    document: MutableMapping[str, Any],
    mine: Table,
    theirs: Table,
    base: Table,
    where: tuple[str, ...],
    conflicts: list[str],
) -> None:
    for key in [*theirs, *(key for key in base if key not in theirs)]:
        new, old, own = theirs.get(key), base.get(key), mine.get(key)
        if isinstance(new, dict) and isinstance(own, dict) and key in document:
            below = cast("Table", old if isinstance(old, dict) else {})
            inner = cast("MutableMapping[str, Any]", document[key])
            both = cast("Table", own), cast("Table", new)
            _merge_table(inner, *both, below, (*where, key), conflicts)
        elif new == old or own == new:
            continue
        elif own != old:
            conflicts.append(".".join((*where, key)))
        elif key not in theirs:
            del document[key]
        else:
            document[key] = new
