"""Show workspaces: as a table, as lines, as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import click

from ....kernel.errors import CodexlabError
from ....supervisor.lifecycle.exit import Reason
from ....workspace.gc.survey import Survey, SurveyState
from ...context.clock import local_minutes, local_of, utc_seconds
from ...ui.terminal import cells, fit, on_one_line, one_line, size_text, terminal_width
from ..runs.columns import Column

if TYPE_CHECKING:
    from ....workspace.gc.verdict import Verdict
    from ...context.glance import Glance

_WIDEST = 60


def describe(survey: Survey, *, deep: bool) -> dict[str, Any]:
    """Return a workspace as one JSON object.

    :param deep: add sizes, git state and threads, which take some time.
    """
    provenance, owner, record = survey.provenance, survey.owner, _last_end(survey)
    found: dict[str, Any] = {
        **asdict(survey.place_key),
        "path": str(survey.paths.root),
        "state": survey.state,
        "used": utc_seconds(survey.used),
        "holder": asdict(owner) if survey.busy and owner is not None else None,
        "kind": provenance.kind if provenance else None,
        "workdir": provenance.workdir if provenance else None,
        "repo": provenance.repo if provenance else None,
        "branch": provenance.branch if provenance else None,
        "last_run": owner.run_id if owner else None,
        "last_reason": record.get("reason"),
        "last_exit": record.get("exit_status"),
        "last_outcome": record.get("agent_outcome"),
        "contained": owner.contained if owner else None,
    }
    return found | (_deep(survey) if deep else {})


def place_of(survey: Survey) -> str:
    """Return where a workspace lies, to name it in a fault."""
    return survey.place


def write_json(value: object) -> None:
    """Write one JSON value and a newline."""
    sys.stdout.write(json.dumps(value, indent=1) + "\n")


def write_lines(values: Mapping[str, Any]) -> None:
    """Write one aligned line per value."""
    width = max(map(len, values))
    for name, value in values.items():
        label = name.replace("_", " ").ljust(width)
        for line in _lines(name, value):
            click.echo(f"{label}  {on_one_line(line)}")
            label = " " * width


def write_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Write aligned columns; a terminal's width cuts the last column.

    Written by hand: a table of rich takes seconds for the workspaces of a busy machine.
    """
    lines = [header, *(tuple(map(one_line, row)) for row in rows)]
    widths = [
        min(_WIDEST, max(cells(line[column]) for line in lines))
        for column in range(len(header) - 1)
    ]
    width = terminal_width()
    room = None if width is None else max(1, width - sum(widths) - 2 * len(widths))
    text: list[str] = []
    for line in lines:
        columns = [fit(cell, size) for cell, size in zip(line[:-1], widths, strict=True)]
        last = line[-1] if room is None or cells(line[-1]) <= room else fit(line[-1], room)
        text.append("  ".join((*columns, last)).rstrip() + "\n")
    sys.stdout.write("".join(text))


def size_or_dots(look: Glance) -> str:
    """Return a workspace's size; ``…`` where it takes too long to measure."""
    return "…" if look.size is None else size_text(look.size)


def work_word(look: Glance) -> str:
    """Return whether a workspace's work is committed and merged, in one word."""
    if not look.in_git:
        return "-"
    if look.dirty is None:
        return "…"
    parts = [word for word, yes in (("dirty", look.dirty), ("unmerged", look.unmerged)) if yes]
    return "+".join(parts) or "clean"


def list_row(survey: Survey, look: Glance) -> tuple[str, ...]:
    """Return a workspace's line in the list."""
    key, record = survey.place_key, _last_end(survey)
    last = record.get("reason") or {
        SurveyState.BUSY: "running",
        SurveyState.DEAD: "never finished",
    }.get(survey.state)
    if last in (Reason.EXITED, Reason.LAUNCH_FAILED):
        last = f"{last} {record.get('exit_status')}"
    kind = survey.provenance.kind if survey.provenance else None
    return (
        key.project,
        key.issue,
        key.agent,
        survey.state,
        local_minutes(survey.used),
        size_or_dots(look),
        work_word(look),
        kind or "-",
        str(last or "-"),
    )


def _last_end(survey: Survey) -> Mapping[str, Any]:
    """Return how the last run ended: by its record, or by the registry where it was refused."""
    if survey.record or survey.busy or survey.owner is None:
        return survey.record
    from ....supervisor.records.registry import read_entry

    entry = read_entry(survey.owner.run_id)
    if entry is None or entry.finished is None:
        return {}
    return {name: getattr(entry, name) for name in ("reason", "exit_status", "agent_outcome")}


def why(verdict: Verdict) -> str:
    """Return the reason for a verdict of gc, in one line."""
    if not verdict.findings:
        return verdict.reason
    from ....workspace.gc.verdict import GcAction

    # A workspace that is kept for its age has time to lose these.
    joint = "later too" if verdict.action is GcAction.KEEP else "but"
    return f"{verdict.reason}; {joint}: {', '.join(verdict.findings)}"


LIST_COLUMNS = (
    Column("PROJECT", 8, 12),
    Column("ISSUE", 0, 10),
    Column("AGENT", 4),
    Column("STATE"),
    Column("USED", 3),
    Column("SIZE", 2),
    Column("WORK", 1),
    Column("WORKDIR", 9),
    Column("LAST RUN", 5, 14),
)


def _lines(name: str, value: Any) -> list[str]:
    if name == "git" and isinstance(value, dict):
        return [_git_line(cast("dict[str, Any]", value))]
    if name == "size":
        return [size_text(value)]
    if name == "used":
        return [local_of(value)]
    if name == "holder" and isinstance(value, dict):
        holder = cast("dict[str, Any]", value)
        since = local_of(str(holder["started"]))
        return ["run {run_id} (pid {pid} on {host}), since ".format(**holder) + since]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        return [f"{key} {'-' if part is None else part}" for key, part in parts.items()]
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [line for item in items for line in _lines(name, _brief(item))] or ["-"]
    return ["-" if value is None else str(value)]


def _brief(item: object) -> object:
    """Put a thread on one line."""
    if not isinstance(item, dict):
        return item
    thread = cast("dict[str, Any]", item)
    return f"{thread['agent']} {thread['id']} {local_of(str(thread['seen']))}"


def _git_line(git: dict[str, Any]) -> str:
    head = f"at {git['head'][:12]}" if git["head"] else "without a commit"
    where = f"on {git['branch']}" if git["branch"] else "detached"
    dirt = "uncommitted changes" if git["dirty"] else "clean"
    ahead = f", {git['ahead']} commits ahead of its base" if git["ahead"] else ""
    return f"{dirt}, {where} {head}{ahead}"


def _deep(survey: Survey) -> dict[str, Any]:
    from ....workspace.claim.threads import known_cargo_key, read_threads
    from ....workspace.gc.disk_usage import disk_usage

    paths = survey.paths
    parts = {"workdir": paths.workdir, "codex-home": paths.codex_home, "records": paths.control}
    sizes = {name: disk_usage(path) for name, path in parts.items()}
    log = read_threads(paths)
    return {
        "git": _git(survey),
        "sizes": {
            name: ("" if usage.complete else "at least ") + size_text(usage.size)
            for name, usage in sizes.items()
        },
        "size": sum(usage.size for usage in sizes.values()),
        "threads": [asdict(entry) for entry in log.threads],
        "cargo_key": known_cargo_key(paths),
    }


def _git(survey: Survey) -> object:
    provenance = survey.provenance
    if provenance is None or provenance.workdir is None:
        return None
    from pathlib import Path

    from ....workspace.git.state import git_state, recorded_git_dir

    try:
        place = Path(provenance.workdir)
        state = git_state(place, provenance.base, recorded_git_dir(provenance))
    except CodexlabError as error:
        return str(error)
    return asdict(state) if state is not None else None
