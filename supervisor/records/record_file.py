"""``record.json`` on disk: how it is written out, read and written anew."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any, cast

from ...kernel.files.atomic import replace_file
from ...kernel.files.below import directory_below
from ...kernel.files.regular_file import read_regular
from ...kernel.json_object import parse_json_object
from ...kernel.xdg import state_directory

# The encoder that indents is Python's own, and many times slower than this one.
_ENCODER = json.JSONEncoder(default=str)


def encode_record(content: dict[str, Any]) -> str:
    """Encode a record with a line for each field, and for each element of its lists."""
    fields = (f"  {_ENCODER.encode(name)}: {_value(value)}" for name, value in content.items())
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _value(value: object) -> str:
    if not isinstance(value, list) or not value:
        return _ENCODER.encode(value)
    elements = ",\n    ".join(map(_ENCODER.encode, cast("list[object]", value)))
    return f"[\n    {elements}\n  ]"


def removal_directory(run_id: str) -> Path:
    """Return where a removal's record and log lie: outside what it deletes."""
    return state_directory() / "removals" / run_id


def rewrite_record(run_directory: Path, content: dict[str, Any], base: Path | None = None) -> None:
    """Write a run's record anew; nobody else may be writing it.

    :param base: the workspaces root, below which no link is followed.
    """
    top = "" if base is None else os.fspath(base)
    with directory_below(os.fspath(run_directory), top) as directory:
        replace_file("record.json", encode_record(content).encode(), dir_fd=directory)


def read_record(run_directory: Path, base: Path | None = None) -> dict[str, Any] | None:
    """Return a run's record, or None when it is missing or torn.

    :param base: the workspaces root, below which no link is followed.
    """
    top = "" if base is None else os.fspath(base)
    with (
        contextlib.suppress(OSError, ValueError),
        directory_below(os.fspath(run_directory), top) as directory,
    ):
        return parse_json_object(read_regular("record.json", dir_fd=directory))
    return None
