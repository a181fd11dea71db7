"""Start ripgrep for ``codexlab rollout search`` before click and the rest are loaded.

The query is guessed from the arguments, because not all of click's spellings are known here. The
search itself compares the guess with its own query, and uses the walk only if they are the same. A
wrong or missing guess costs only time.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...kernel.errands.own_programs import find_own_program
from ...rollout.search.needle import needle_of
from ...rollout.search.ripgrep_walk import RipgrepWalk
from .home import home_of

_VALUED = frozenset(
    {"--role", "--since", "--until", "--cwd", "--limit", "-C", "--context", "-j", "--processes"}
)
_FLAGS = frozenset({"-l", "--threads-only", "--json"})
_HOME, _PLACES = "--codex-home", {"--active": False, "--archived": True}
_FOLD, _REGEX = ("-i", "--ignore-case"), ("-e", "--regex")


def walk_ahead(arguments: Sequence[str]) -> RipgrepWalk | None:
    """Start the walk of a search with these arguments; None when they are not understood."""
    given: dict[str, str] = {}
    patterns: list[str] = []
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name == _HOME or name in _VALUED:
            given[name] = value if equals else next(words, "")
        elif word in _FLAGS or word in _PLACES or word in _FOLD or word in _REGEX:
            given[word] = word
        elif word.startswith("-"):
            return None
        else:
            patterns.append(word)
    return _walk(patterns[0], given) if len(patterns) == 1 else None


def _walk(pattern: str, given: dict[str, str]) -> RipgrepWalk:
    fold, regex = (not given.keys().isdisjoint(names) for names in (_FOLD, _REGEX))
    archived = next((value for name, value in _PLACES.items() if name in given), None)
    needle = needle_of(pattern, regex=regex, ignore_case=fold)
    return RipgrepWalk(find_ripgrep(), home_of(given.get(_HOME)), needle, fold, archived)


def find_ripgrep() -> str | None:
    """Return the first ``rg`` in the caller's ``PATH`` that no agent can have put there."""
    return find_own_program("rg")
