"""Decide whether a line of a journal is believed.

An agent that runs without a sandbox can write into ``.codexlab-retired``. A line names the
files that a sweep unlinks, renames and appends to. So each path must be one that we could have
written. That is a kept file of this very journal, and a rollout below one of the store's two
roots.
"""

from __future__ import annotations

import math
import os
import re
from enum import StrEnum
from typing import Any, TypeGuard

from ..store.names import PLAIN, parse_rollout_name
from ..store.roots import RootName

_ORDINAL = re.compile(r"[0-9]{1,9}")
_LARGEST = 1 << 64
_LONGEST_PATH = 4096
# Seconds since a boot; ours are positive, and a float holds each.
_FARTHEST = 1e12
_FIELDS = ("kind", "name", "root", "relative", "thread", "leased", "boot", "at", "append_at")
_COUNTS = ("size", "device", "inode")


class KeptKind(StrEnum):
    """Why a file is kept."""

    RETIRED = "retired"
    SHADOW = "shadow"


def fault_in(fields: dict[str, Any], token: str) -> str | None:
    """Describe the fault of a line; None for a line that is believed.

    :param fields: the JSON object that the line is; values of any type.
    :param token: the token of the journal that the line is in.
    """
    for name in (*_FIELDS, *_COUNTS):
        if name not in fields:
            return f"{name} is missing"
        if not _is_believed(name, fields, token):
            return f"{name} is not what codexlab writes"
    return None


def _is_believed(name: str, fields: dict[str, Any], token: str) -> bool:
    value: object = fields[name]
    match name:
        case "kind":
            return value in tuple(KeptKind)
        case "name":
            return _is_kept_name(value, token)
        case "root":
            return value in tuple(RootName)
        case "relative":
            return thread_in(value) is not None
        case "thread":
            return isinstance(value, str) and value == thread_in(fields["relative"])
        case "leased":
            return isinstance(value, bool)
        case "boot":
            return isinstance(value, str)
        case "at":
            return _is_number(value) and abs(value) < _FARTHEST
        case "append_at":
            return value is None or _is_count(value)
        case _:
            return _is_count(value)


def thread_in(relative: object) -> str | None:
    """Return the thread that a rollout's plain path below a root names; None for other paths."""
    if not isinstance(relative, str) or len(relative) > _LONGEST_PATH or "\0" in relative:
        return None
    try:
        os.fsencode(relative)
    except UnicodeEncodeError:
        return None
    *above, file_name = relative.split("/")
    name = parse_rollout_name(file_name)
    if name is None or name.form is not PLAIN or any(part in ("", ".", "..") for part in above):
        return None
    return name.thread_id


def _is_kept_name(value: object, token: str) -> bool:
    if not isinstance(value, str):
        return False
    before, dot, ordinal = value.partition(".")
    return before == token and bool(dot) and _ORDINAL.fullmatch(ordinal) is not None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, int) or math.isfinite(value)
