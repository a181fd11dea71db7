"""The facts of a run's record that outlive it: see `RunFacts`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

from ..history.run_entry import RunFacts, facts_of

_SAME = (
    *("command", "resumed", "duration", "exit_code", "signal"),
    *("last_word", "message", "why", "peak_memory"),
)
_PROOF = ("mechanism", "proven", "swept", "left")


def facts_of_record(record: Mapping[str, Any], *, log_size: int | None = None) -> RunFacts:
    """Return the facts in a record, which an agent may have written."""
    workdir, git, usage = (_part(record, name) for name in ("workdir", "git", "usage"))
    after, proof = _part(git, "after"), _part(record, "contained")
    values: dict[str, Any] = {
        **{name: record.get(name) for name in _SAME},
        **{name: proof.get(name) for name in _PROOF},
        "workdir": workdir.get("path"),
        "workdir_kind": workdir.get("kind"),
        "branch": after.get("branch") or workdir.get("branch"),
        "threads": record.get("threads") or [record.get("thread")],
        "attempts": _length(record.get("attempts")),
        "cpu": _sum(usage.get("user_seconds"), usage.get("system_seconds")),
        "log_size": log_size,
        "head_before": git.get("head_before"),
        "head_after": after.get("head"),
        "dirty": after.get("dirty"),
        "ahead": after.get("ahead"),
    }
    return facts_of(values)


def log_size(run_directory: str | os.PathLike[str]) -> int | None:
    """Return how many bytes a run's logs take, or None where it has no directory."""
    try:
        with os.scandir(run_directory) as found:
            logs = [each.stat(follow_symlinks=False) for each in found if ".log" in each.name]
    except OSError:
        return None
    return sum(log.st_size for log in logs)


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return cast("Mapping[str, Any]", part) if isinstance(part, dict) else {}


def _length(values: object) -> int | None:
    return len(cast("list[object]", values)) if isinstance(values, list) else None


def _sum(*numbers: object) -> float | None:
    known = [number for number in numbers if isinstance(number, (int, float))]
    return float(sum(known)) if len(known) == len(numbers) else None
