"""The output of ``codexlab artifacts``: tables, lines and documents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from ....env.artifacts.candidates import Decision, JudgedCandidate
from ....env.artifacts.setup import SetupPlan
from ....env.artifacts.sizes import SizeState
from ....env.artifacts.status import Status
from ...ui.terminal import cells, neutral, size_text


def setup_document(plan: SetupPlan, *, applied: bool, backup: Path | None) -> dict[str, object]:
    """Return the changes of setup, planned or made, as one JSON document."""
    return {
        "v": 1,
        "applied": applied,
        "directories": [str(path) for path in plan.directories],
        "bazelrc": str(plan.rc),
        "content": plan.rc_text,
        "exclude": plan.exclude and str(plan.exclude),
        "backup": backup and str(backup),
        "notes": list(plan.notes),
    }


def setup_lines(plan: SetupPlan, *, applied: bool, backup: Path | None) -> Iterable[str]:
    """Yield the changes of setup, planned or made, as lines for a person."""
    did = ("made", "wrote", "added") if applied else ("would make", "would write", "would add")
    for path in plan.directories:
        yield f"{did[0]} {path}"
    if plan.exclude:
        yield f"{did[2]} /user.bazelrc to {plan.exclude}"
    if plan.rc_text is not None:
        yield f"{did[1]} {plan.rc}"
        if not applied:
            yield from (f"  {line}" for line in plan.rc_text.splitlines())
    if backup:
        yield f"kept the previous one as {backup}"
    if not plan.changes:
        yield "nothing to do"
    yield from (f"note: {note}" for note in plan.notes)
    yield 'for a shell: eval "$(codexlab artifacts env)"'


def print_findings(findings: Sequence[JudgedCandidate], *, applied: bool) -> None:
    """Print every candidate, its verdict and the reason, as a table."""
    rows = [
        (
            finding.verdict,
            size_or_state(finding.size.allocated, finding.size.state),
            "?" if finding.age is None else f"{finding.age / 86400:.1f}d",
            f"{finding.owner.project}#{finding.owner.issue}" if finding.owner else "",
            str(finding.candidate.path),
            finding.reason,
        )
        for finding in findings
    ]
    table(("VERDICT", "SIZE", "AGE", "OWNER", "PATH", "REASON"), rows)
    if not applied and any(f.verdict in (Decision.REMOVE, Decision.LEFTOVER) for f in findings):
        click.echo("nothing was removed; --apply removes", err=True)


def headline(report: Status) -> str:
    """Return one line: the artifact root in use, or why there is none."""
    if report.root is None:
        return f"artifact root: {report.fallback_reason or 'not configured'}"
    free = f"{size_text(report.free_bytes or 0)} and {report.free_inodes} inodes free"
    volume = report.volume[0] if report.volume else "unknown"
    return f"artifact root: {report.root} (volume {volume}, {free})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, never cut: users copy the paths."""
    # An agent may have made these files.
    lines = [[neutral(cell).replace("\n", "␊") for cell in row] for row in (head, *rows)]
    widths = [max(cells(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        filled = (
            cell + " " * (width - cells(cell)) for cell, width in zip(line, widths, strict=True)
        )
        click.echo("  ".join(filled).rstrip())


def size_or_state(count: int | None, state: str) -> str:
    """Return a size for people, or the state where no size is known."""
    if count is None:
        return state
    more = ">" if state in (SizeState.PARTIAL, SizeState.UNREADABLE) else ""
    return more + size_text(count)


def dump(document: object) -> str:
    """Return a document as JSON: indented on a terminal, else on one line."""
    indent = 2 if sys.stdout.isatty() else None
    return json.dumps(document, indent=indent) + "\n"
