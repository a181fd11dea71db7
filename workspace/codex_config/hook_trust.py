"""Hooks that the user trusts in their own home are trusted in the issue's: pure.

codex keeps its trust under the path of the file that names a hook, with a hash of what
the hook runs. The same file seen from the issue's home has another path. The hash stays,
so a hook that somebody wrote anew there is not trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, cast

from .managed import Trust


def trust_here(shared: dict[str, Any], homes: Iterable[str], here: str) -> Trust:
    """Return the trust of the shared configuration under the names it has here.

    :param homes: the spellings of the shared home's path.
    :param here: the path of the issue's home, as codex resolves it.
    """
    return tuple(dict(_renamed(shared, tuple(dict.fromkeys(homes)), here)).items())


def _renamed(
    shared: dict[str, Any], homes: tuple[str, ...], here: str
) -> Iterator[tuple[str, str]]:
    for key, entry in state_of(shared).items():
        home = next((home for home in homes if key.startswith(f"{home}/")), None)
        if home is not None and _is_plain(entry):
            yield here + key.removeprefix(home), json.dumps(entry, sort_keys=True)


def state_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the table ``hooks.state``; empty where there is none."""
    hooks = values.get("hooks")
    state = cast("dict[str, Any]", hooks).get("state") if isinstance(hooks, dict) else None
    return cast("dict[str, Any]", state) if isinstance(state, dict) else {}


def merge_trust(state: dict[str, Any], trust: Trust, before: Trust) -> dict[str, Any]:
    """Return ``hooks.state`` with the user's trust in it; what was decided here stays.

    :param before: what we put there last time: withdrawn where it is trusted no longer.
    """
    ours = {key: value for key, value in before if _says(state.get(key), value)}
    kept = {key: value for key, value in state.items() if key not in ours}
    return kept | {key: json.loads(value) for key, value in trust if key not in kept}


def added_trust(state: dict[str, Any], trust: Trust, before: Trust) -> Trust:
    """Return the part of the trust that is there because of us alone."""
    own = {key for key in state if not _says(state[key], dict(before).get(key))}
    return tuple((key, value) for key, value in trust if key not in own)


def _says(entry: object, text: str | None) -> bool:
    return text is not None and _is_plain(entry) and json.dumps(entry, sort_keys=True) == text


def _is_plain(entry: object) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(value, str | bool | int) for value in cast("dict[str, object]", entry).values()
    )
