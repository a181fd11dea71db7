"""What codex writes into ``config.toml`` by itself: pure.

An answer to its trust question, a notice that was seen, a hook that was trusted: none of
these is an edit. They stay where they are, and the rest of the file goes on following.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, MutableMapping
from typing import Any, cast

Table = dict[str, Any]
Path = tuple[str, ...]

# As codex 0.100 to 0.171 write them; "*" is any key.
_WRITTEN: tuple[Path, ...] = (
    ("projects",),
    ("notice",),
    ("hooks", "state"),
    ("personality",),
    ("windows_wsl_setup_acknowledged",),
    ("marketplaces", "*", "last_updated"),
    ("marketplaces", "*", "last_revision"),
)
_SEEN_ON_SCREEN = r"\w+_(nux|done|seen|shown|dismissed|acknowledged)"


class WrongShape(ValueError):
    """A key that we write to holds something it cannot hold."""

    def __init__(self, key: str, expected: str) -> None:
        super().__init__(f"{key}: expected {expected}")


def without_notes(values: Table) -> Table:
    """Return the settings of a file, without empty tables and what codex writes by itself."""
    rest = copy.deepcopy(values)
    for path in _found(rest):
        _remove(rest, path)
    return {name: value for name, value in rest.items() if value != {}}


def carry_notes(text: str, values: Table, ours: Table, seed: Table) -> str:
    """Return ``text`` with what codex has noted in ours since it was made from its seed.

    :param values: what ``text`` says.
    :raises ValueError: it cannot be written there.
    """
    noted = [
        (path, value)
        for path, value in _leaves(ours)
        if value != _at(seed, path) and value != _at(values, path)
    ]
    if not noted:
        return text
    import tomlkit

    document = cast("MutableMapping[str, Any]", tomlkit.parse(text))
    for path, value in noted:
        put(document, path, value)
    return tomlkit.dumps(cast("Any", document))


def put(document: MutableMapping[str, Any], path: Path, value: object) -> None:
    """Set a key in a document of tomlkit, and make the tables that lead to it.

    :raises WrongShape: something else than a table is on the way.
    """
    import tomlkit

    *tables, name = path
    for depth, table in enumerate(tables):
        if table not in document:
            # One that holds only tables has no line of its own.
            document[table] = tomlkit.table(is_super_table=depth + 1 < len(tables))
        inner = document[table]
        if not isinstance(inner, MutableMapping):
            raise WrongShape(".".join(path[: depth + 1]), "a table")
        document = cast("MutableMapping[str, Any]", inner)
    document[name] = value


def _found(values: Table) -> list[Path]:
    """Return the places in a file that codex writes to."""
    places = [place for pattern in _WRITTEN for place in _matching(values, pattern)]
    screen = values.get("tui")
    if isinstance(screen, dict):
        names = cast("Table", screen)
        places += [("tui", name) for name in names if re.fullmatch(_SEEN_ON_SCREEN, name)]
    return places


def _matching(values: object, pattern: Path) -> Iterator[Path]:
    if not pattern:
        yield ()
    elif isinstance(values, dict):
        table = cast("Table", values)
        for name in table if pattern[0] == "*" else (pattern[0],):
            if name in table:
                yield from ((name, *rest) for rest in _matching(table[name], pattern[1:]))


def _leaves(values: Table) -> Iterator[tuple[Path, object]]:
    """Yield each key that codex has written, and what it says."""
    pending = [(path, _at(values, path)) for path in _found(values)]
    while pending:
        path, value = pending.pop(0)
        if isinstance(value, dict) and value:
            table = cast("Table", value)
            pending += [((*path, name), inner) for name, inner in table.items()]
        else:
            yield path, value


def _at(values: object, path: Path) -> object:
    for name in path:
        if not isinstance(values, dict):
            return None
        values = cast("Table", values).get(name)
    return values


def _remove(values: Table, path: Path) -> None:
    """Remove a key, and the tables that hold nothing without it."""
    above = [values]
    for name in path[:-1]:
        above.append(above[-1][name])
    for table, name in zip(reversed(above), reversed(path), strict=True):
        del table[name]
        if table:
            return
