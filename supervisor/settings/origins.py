"""What set a value, for a line that blames the value's flag.

Loaded only for such a line: a launch that works looks nothing up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

_FLAG = r"--[a-z][a-z-]*"
_SUBJECT = rf"{_FLAG}( and {_FLAG})*"


def name_origins(line: str, origins: Mapping[str, str], *, with_lines: bool = True) -> str:
    """Return a line that names what set each value that it is about.

    Only the flags that the line begins with are replaced. A flag further on is advice.

    :param origins: the variable or file of each setting that no flag set, by its name.
    :param with_lines: look into a file for the setting's line.
    """
    subject = re.match(_SUBJECT, line)
    if subject is None:
        return line
    spelled = partial(_spelled, origins=origins, with_lines=with_lines)
    return re.sub(_FLAG, spelled, subject[0]) + line[subject.end() :]


def _spelled(flag: re.Match[str], origins: Mapping[str, str], *, with_lines: bool) -> str:
    name = flag[0].removeprefix("--").replace("-", "_")
    origin = origins.get(name, flag[0])
    if not os.path.isabs(origin):
        return origin
    line = _line_of(Path(origin), name) if with_lines else None
    return f"{origin}:{line}: {name}" if line else f"{origin}: {name}"


def _line_of(path: Path, name: str) -> int | None:
    """Return the line of a setting, if the file still says it."""
    from .files import ConfigError, read_config
    from .table import KNOWN_KEYS

    try:
        return read_config(path, KNOWN_KEYS, KNOWN_KEYS).line_of(name)
    except ConfigError:
        return None
