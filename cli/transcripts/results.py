"""Show the results for rollouts: lines for people, NDJSON for programs."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

import click

from ...rollout.operations.result import Outcome, Result
from ...rollout.store.scan import UnreadableDirectory
from ..ui.json_lines import json_bytes
from ..ui.terminal import on_one_line, one_line, size_text

_GOOD = frozenset({Outcome.COMPRESSED, Outcome.RESTORED, Outcome.SETTLED, Outcome.SALVAGED})
_LATER = frozenset({Outcome.BUSY, Outcome.CHANGED})
_SURROGATES = "[\ud800-\udfff]"
_IN_SUMMARY = {Outcome.WOULD: "would change"}


def show_results(results: Iterable[Result], *, as_json: bool, quiet: bool = False) -> int:
    """Print each result as it comes, then a summary.

    :param quiet: leave out results that went well; the summary counts them.
    :returns: the exit status: 125 when one failed, 75 when one was busy, else 0.
    """
    counts: Counter[Outcome] = Counter()
    before = after = 0
    for result in results:
        counts[result.outcome] += 1
        if result.outcome in {Outcome.COMPRESSED, Outcome.WOULD}:
            before, after = before + result.before, after + result.after
        if as_json:
            write_json(document(result))
        elif not (quiet and result.outcome in _GOOD):
            click.echo(_line(result))
    _show_summary(counts, before, after, as_json=as_json)
    if counts[Outcome.FAILED]:
        return 125
    return 75 if any(counts[outcome] for outcome in _LATER) else 0


def show_nothing(reason: str, *, as_json: bool) -> int:
    """Print, instead of the summary, that nothing was done, and why.

    :returns: the exit status, 0.
    """
    if as_json:
        write_json({"summary": {"reason": reason, "bytes_before": 0, "bytes_after": 0}})
    else:
        click.echo(f"nothing to do: {reason}", err=True)
    return 0


def show_left_out(directory: UnreadableDirectory) -> None:
    """Print that a directory was left out, and why."""
    click.echo(f"codexlab: left out {on_one_line(directory.path)}: {directory.reason}", err=True)


def document(result: Result) -> dict[str, Any]:
    """Describe one result for ``--json``."""
    return {
        "thread": result.thread_id,
        "path": result.path,
        "outcome": result.outcome,
        "reason": result.reason or None,
        "before": result.before,
        "after": result.after,
    }


def write_json(value: dict[str, Any]) -> None:
    """Write one NDJSON line; undecodable bytes of paths are replaced."""
    try:
        line = json_bytes(value)
    except TypeError:  # a lone surrogate: Python decodes such a byte to it
        line = json_bytes(_as_text(value))
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _as_text(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: re.sub(_SURROGATES, "\ufffd", field) if isinstance(field, str) else field
        for key, field in value.items()
    }


def _line(result: Result) -> str:
    if result.outcome is Outcome.WOULD:
        size = f"  {size_text(result.before)}" if result.before else ""
        return f"{result.reason:<14}  {result.thread_id}{size}"
    sizes = ""
    if result.outcome is Outcome.COMPRESSED:
        sizes = f"  {size_text(result.before)} -> {size_text(result.after)}"
    reason = f"  ({one_line(result.reason)})" if result.reason else ""
    return f"{result.outcome:<10}  {result.thread_id}{sizes}{reason}"


def _show_summary(counts: Counter[Outcome], before: int, after: int, *, as_json: bool) -> None:
    if as_json:
        outcomes = {str(outcome): count for outcome, count in counts.items()}
        write_json({"summary": {**outcomes, "bytes_before": before, "bytes_after": after}})
        return
    parts = [
        f"{count} {_IN_SUMMARY.get(outcome, outcome)}" for outcome, count in sorted(counts.items())
    ]
    sizes = f"; {size_text(before)} -> {size_text(after)}" if counts[Outcome.COMPRESSED] else ""
    click.echo(", ".join(parts) + sizes if parts else "nothing to do", err=True)
