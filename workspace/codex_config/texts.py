"""``config.toml`` of a codex-home: pure decisions on texts.

Three texts take part: the *shared* home's file, the *seed* (what the shared one said
when ours was made), and *ours*. While ours equals its seed, managed keys aside, it
follows the shared one; once edited it is the user's and keeps every other byte. What
codex writes by itself is no edit.
"""

from __future__ import annotations

import copy
from collections.abc import MutableMapping, Sequence
from typing import Any, cast

from ...kernel.toml import parse_toml
from ...kernel.values import frozen, replace
from .hook_trust import added_trust, merge_trust, state_of
from .managed import Managed, Trust
from .network import NETWORK, SANDBOX, expect_network, give_back_network, said_in, users_network
from .notes import Table, WrongShape, carry_notes, put, without_notes

_SANDBOX, _ROOTS = SANDBOX, "writable_roots"
_SHELL, _EXCLUDE = "shell_environment_policy", "exclude"
_HOOKS, _STATE = "hooks", "state"


@frozen
class ConfigDecision:
    """What to do with our file.

    :param text: what it must say from now on; equal to the old text when it is right.
    :param seed: what to remember as its seed.
    :param reseeded: it was made, or made again, from the shared file.
    :param edited: somebody edited it; it no longer follows the shared one.
    :param moved_on: it is edited and the shared file changed since.
    :param added: the managed entries that are there because of us alone.
    """

    text: str
    seed: str
    reseeded: bool
    edited: bool
    moved_on: bool
    added: Managed


def decide_config(
    ours: str | None, shared: str, seed: str | None, managed: Managed, before: Managed
) -> ConfigDecision:
    """Decide what our file must say.

    :param ours: its text, or None when it is missing.
    :param shared: the shared home's text; empty when there is none.
    :param seed: what ours was made from, or None when that is not known.
    :param before: what we put into it last time: withdrawn where no longer managed.
    :raises ValueError: a text that had to be read is no TOML, or a managed key has a
        type it cannot have.
    """
    if ours is None:
        return _seeded(shared, shared, managed)
    users = users_network(parse_toml(ours), parse_toml(seed or ""), before)
    if before.network is not None:
        ours = give_back_network(ours, users)
    edited = seed is None or _plain(ours, before) != _plain(seed, Managed())
    if seed is not None and not edited and seed != shared:
        source = _carry_choice(shared, ours)
        noted = carry_notes(source, parse_toml(source), _own_words(ours, before), parse_toml(seed))
        return _seeded(noted, shared, managed)
    text = apply_managed(ours, managed, before)
    added = replace(_additions(ours, managed, before), users_network=users)
    return ConfigDecision(text, seed or "", False, edited, edited and seed != shared, added)


def _own_words(ours: str, before: Managed) -> Table:
    """Return the settings of our file, without the trust in hooks that we put there."""
    values = parse_toml(ours)
    _expect_trust(values, (), before.trusted)
    return values


def _seeded(source: str, shared: str, managed: Managed) -> ConfigDecision:
    text = apply_managed(source, managed, Managed())
    said = said_in(parse_toml(source))
    users = said if isinstance(said, bool) else None
    added = replace(_additions(source, managed, Managed()), users_network=users)
    return ConfigDecision(text, shared, True, False, False, added)


def apply_managed(text: str, managed: Managed, before: Managed) -> str:
    """Return ``text`` with the managed keys in it; comments and layout stay.

    ``network_access`` is set only where it is missing, unless a launch asks for a value.
    """
    values = parse_toml(text)
    wanted = _expected(values, managed, before)
    if wanted == values:
        return text
    import tomlkit

    document = tomlkit.parse(text)
    for section in (_SANDBOX, _SHELL):
        for key, value in wanted.get(section, {}).items():
            if values.get(section, {}).get(key) != value:
                _put(_in_table(document, section), key, value)
    _put_trust(cast("MutableMapping[str, Any]", document), state_of(values), state_of(wanted))
    result = tomlkit.dumps(document)
    if parse_toml(result) != wanted:
        message = "the edited file does not say what it should"
        raise ValueError(message)
    return result


def _put_trust(document: MutableMapping[str, Any], old: Table, new: Table) -> None:
    for key in [key for key in old if key not in new]:
        del document[_HOOKS][_STATE][key]
    if old and not new:
        del document[_HOOKS][_STATE]
        if not document[_HOOKS]:
            del document[_HOOKS]
    for key, entry in new.items():
        if old.get(key) != entry:
            put(document, (_HOOKS, _STATE, key), entry)


def _put(table: MutableMapping[str, Any], key: str, value: object) -> None:
    """Set a key; a list is changed entry by entry, so that comments in it stay."""
    existing = table.get(key)
    if not isinstance(existing, list) or not isinstance(value, list):
        table[key] = value
        return
    array, wanted = cast("list[object]", existing), cast("list[object]", value)
    for item in [item for item in array if item not in wanted]:
        array.remove(item)
    for item in wanted:
        if item not in array:
            array.append(item)
    if list(array) != wanted:
        table[key] = value


def check_shape(values: Table) -> None:
    """Refuse a file whose managed keys cannot hold what they must.

    :raises WrongShape: that is so.
    """
    for section, key in ((_SANDBOX, _ROOTS), (_SHELL, _EXCLUDE)):
        found = values.get(section, {})
        if not isinstance(found, dict):
            raise WrongShape(section, "a table")
        _list(cast("Table", found), key)


def _expected(values: Table, managed: Managed, before: Managed) -> Table:
    wanted = copy.deepcopy(values)
    sandbox = _table(wanted, _SANDBOX)
    expect_network(sandbox, managed.network)
    _union(sandbox, _ROOTS, managed.roots, before.roots)
    shell = _table(wanted, _SHELL)
    _union(shell, _EXCLUDE, managed.excluded, before.excluded)
    if not shell and _SHELL not in values:
        del wanted[_SHELL]
    _expect_trust(wanted, managed.trusted, before.trusted)
    return wanted


def _expect_trust(wanted: Table, trust: Trust, before: Trust) -> None:
    old = state_of(wanted)
    new = merge_trust(old, trust, before)
    if new:
        _table(wanted, _HOOKS)[_STATE] = new
    elif old:
        del wanted[_HOOKS][_STATE]
        if not wanted[_HOOKS]:
            del wanted[_HOOKS]


def _table(values: Table, name: str) -> Table:
    table = values.setdefault(name, {})
    if not isinstance(table, dict):
        raise WrongShape(name, "a table")
    return cast("Table", table)


def _list(table: Table, key: str) -> list[object]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise WrongShape(key, "a list")
    return cast("list[object]", value)


def _union(table: Table, key: str, ours: Sequence[str], before: Sequence[str]) -> None:
    users = [value for value in _list(table, key) if value not in before]
    merged = users + [value for value in ours if value not in users]
    if merged or key in table:
        table[key] = merged


def _additions(text: str, managed: Managed, before: Managed) -> Managed:
    values = parse_toml(text)
    roots = [root for root in _list(_table(values, _SANDBOX), _ROOTS) if root not in before.roots]
    shell = _list(_table(values, _SHELL), _EXCLUDE)
    excluded = [pattern for pattern in shell if pattern not in before.excluded]
    return Managed(
        tuple(root for root in managed.roots if root not in roots),
        tuple(pattern for pattern in managed.excluded if pattern not in excluded),
        added_trust(state_of(values), managed.trusted, before.trusted),
        managed.network,
    )


def _plain(text: str, before: Managed) -> Table:
    """Return the settings of a file, without managed keys and what codex writes by itself."""
    values = without_notes(parse_toml(text))
    sandbox, shell = _table(values, _SANDBOX), _table(values, _SHELL)
    sandbox.pop(NETWORK, None)
    for table, key, ours in ((sandbox, _ROOTS, before.roots), (shell, _EXCLUDE, before.excluded)):
        table[key] = [value for value in _list(table, key) if value not in ours]
        if not table[key]:
            del table[key]
    return {
        name: value for name, value in values.items() if name not in (_SANDBOX, _SHELL) or value
    }


def _carry_choice(shared: str, ours: str) -> str:
    """Keep an explicit refusal of network access through a re-seed."""
    refused = _table(parse_toml(ours), _SANDBOX).get(NETWORK) is False
    if not refused or NETWORK in _table(parse_toml(shared), _SANDBOX):
        return shared
    import tomlkit

    document = tomlkit.parse(shared)
    _in_table(document, _SANDBOX)[NETWORK] = False
    return tomlkit.dumps(document)


def _in_table(document: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    import tomlkit

    if name not in document:
        document[name] = tomlkit.table()
    return cast("MutableMapping[str, Any]", document[name])
