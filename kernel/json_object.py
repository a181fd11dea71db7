"""Parse a JSON object that anybody may have written."""

from __future__ import annotations

from typing import Any, cast


def parse_json_object(data: bytes | str) -> dict[str, Any]:
    """Return the object that a text of JSON is.

    :raises ValueError: it is no JSON, no object, or nested deeper than can be read.
    """
    # Imported here: a guardian needs it only for a run whose supervisor died.
    import json

    try:
        value: object = json.loads(data)
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    message = "expected an object"
    raise ValueError(message)
