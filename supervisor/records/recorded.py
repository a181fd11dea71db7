"""The runs that workspaces still know, from which a lost history is made anew.

An agent can write all of it. So a record counts only under the key of the place where it lies.
Its values count only if a run of ours could have them. What our state directory says wins.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ...kernel.files.below import directory_below
from ...kernel.files.regular_file import read_regular
from ...kernel.json_object import parse_json_object
from ...kernel.process.identity import ProcessIdentity
from ...workspace.gc.survey import Survey, survey_workspaces
from ..history.run_entry import RunEntry, encode_entry, parse_entry
from .facts import facts_of_record

_RUN_ID = re.compile(r"(\d{8}T\d{6})Z-[0-9a-f]{8}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
# A workspace keeps sixty at most.
_MOST_RUNS, _MOST_BYTES = 100, 1 << 20
_NOBODY = ProcessIdentity(0, 0, "unknown")
_AT_THE_END = ("finished", "reason", "exit_status", "agent_outcome", "thread", "error")


def recorded_runs(roots: Iterable[Path]) -> Iterator[RunEntry]:
    """Yield the runs below these roots whose records say how they ended."""
    for root in sorted(set(roots)):
        for survey in survey_workspaces(root):
            yield from _runs_of(survey)


def _runs_of(survey: Survey) -> Iterator[RunEntry]:
    paths = survey.paths
    with (
        suppress(OSError),
        directory_below(os.fspath(paths.runs), os.fspath(paths.base)) as directory,
    ):
        names = sorted(filter(_RUN_ID.fullmatch, os.listdir(directory)), reverse=True)
        for name in names[:_MOST_RUNS]:
            if (record := _read(name, directory)) and (entry := _entry(survey, name, record)):
                yield entry


def _read(name: str, directory: int) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
        try:
            return parse_json_object(read_regular("record.json", _MOST_BYTES, dir_fd=inner))
        finally:
            os.close(inner)
    return {}


def _entry(survey: Survey, run_id: str, record: Mapping[str, Any]) -> RunEntry | None:
    """Return the entry of a run whose record is finished, and is what its place says."""
    started, end = _moment(record.get("started")) or _start_by(run_id), _end(record)
    if record.get("run_id") != run_id or end["finished"] is None or _is_to_come(started):
        return None
    key = survey.place_key
    entry = RunEntry(
        run_id=run_id,
        project=key.project,
        issue=key.issue,
        agent=key.agent,
        workspace=survey.place,
        record=f"{survey.place}/.codexlab/runs/{run_id}/record.json",
        guardian=_NOBODY,
        supervisor=_NOBODY,
        place="",
        started=started,
        facts=facts_of_record(record),
        **end,
    )
    # By the parser, which bounds each value.
    return parse_entry(encode_entry(entry).encode())


def _end(record: Mapping[str, Any]) -> dict[str, Any]:
    end = {name: record.get(name) for name in _AT_THE_END}
    known = isinstance(end["reason"], str)
    return end | {"finished": _moment(end["finished"]) if known else None}


def _moment(value: object) -> str | None:
    return value if isinstance(value, str) and _MOMENT.fullmatch(value) else None


def _start_by(run_id: str) -> str:
    day, time = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}", run_id[9:15]
    return f"{day}T{time[:2]}:{time[2:4]}:{time[4:]}.000Z"


def _is_to_come(started: str) -> bool:
    """Tell whether a run began later than any clock of ours could have said."""
    return started > (datetime.now(UTC) + timedelta(days=1)).isoformat()
