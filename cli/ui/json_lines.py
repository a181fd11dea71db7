"""JSON for people and programs: one value a line, safe to show on a terminal.

JSON strings may hold U+0080 to U+009F, and some terminals read them as the beginning of a command
(CSI is U+009B). U+2028 and U+2029 end a line for some readers. All of them are escaped; a parser
still gets the same value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

# In UTF-8. The first byte begins a character, and is never in the middle of one.
_COMMANDS = rb"\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]"


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON on one line, without the line's end.

    :raises TypeError: a string holds bytes that are no UTF-8.
    """
    import orjson

    return _shown(orjson.dumps(value))


def json_lines(values: Iterable[Any]) -> bytes:
    """Return a line for each value, escaped in one pass: a search has thousands.

    :raises TypeError: as for `json_bytes`.
    """
    from orjson import dumps

    return _shown(b"".join(dumps(value) + b"\n" for value in values))


def _shown(data: bytes) -> bytes:
    # Such characters are rare, and a search for one byte (memchr) is by far the cheapest test.
    if b"\xc2" in data or (b"\xe2" in data and (b"\xa8" in data or b"\xa9" in data)):
        return re.sub(_COMMANDS, _escaped, data)
    return data


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())


def path_text(path: str) -> str:
    """Return a path as JSON can hold it: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode(errors="replace")
