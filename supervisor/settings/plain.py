"""The settings of a launch that says nothing unusual, without the validating library.

Invariant: what is returned here equals what pydantic-settings returns for the same sources. A value
that is not plainly right is left to that library. It may be wrong, or written in a form that only
the library knows. The library accepts it, or says what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .kinds import PREFIX
from .table import BY_NAME


def read_plainly(
    flags: Mapping[str, Any], environ: Mapping[str, str], files: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Merge the sources, strongest first: flags, variables, files.

    :returns: the settings that some source gives, by name; None where the validating
        library has to look.
    """
    try:
        given: dict[str, Any] = {}
        for source in (*reversed(files), _variables(environ), flags):
            given.update(source)
        known = given.keys() & BY_NAME.keys()
        return {name: BY_NAME[name].kind.plain(given[name]) for name in known}
    except (ValueError, TypeError):
        return None


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings given as variables, by the settings' names; an empty one counts as unset.

    :raises ValueError: one is spelled in another case, which that library reads too.
    """
    found: dict[str, str] = {}
    for name, value in environ.items():
        if name.upper().startswith(PREFIX) and value:
            if not name.isupper():
                raise ValueError
            found[name[len(PREFIX) :].lower()] = value
    return found
