"""What set a value, for a line that blames the value's flag.

Loaded only for such a line: a launch that works looks nothing up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from .files import ConfigError, read_config
from .table import BY_NAME, KNOWN_KEYS

_FLAG = r"--[a-z][a-z-]*"
_SUBJECT = rf"{_FLAG}( and {_FLAG})*"


def name_origins(line: str, origins: Mapping[str, str]) -> str:
    """Return a line that names what set each value that it is about.

    Only the flags that the line begins with are replaced. A flag further on is advice.

    :param origins: the variable or file of each setting that no flag set, by its name.
    """
    subject = re.match(_SUBJECT, line)
    if subject is None:
        return line
    named = re.sub(_FLAG, lambda flag: _spelled(flag[0], origins), subject[0])
    return named + line[subject.end() :]


def _spelled(flag: str, origins: Mapping[str, str]) -> str:
    name = flag.removeprefix("--").replace("-", "_")
    if name not in origins:
        return flag
    origin = origins[name]
    if origin == BY_NAME[name].variable:
        return origin
    line = _line_of(Path(origin), name)
    return f"{origin}:{line}: {name}" if line else f"{origin}: {name}"


def _line_of(path: Path, name: str) -> int | None:
    """Return the line of a setting, if the file still says it."""
    try:
        return read_config(path, KNOWN_KEYS, KNOWN_KEYS).line_of(name)
    except ConfigError:
        return None
