"""``codexlab show``: all that is known of one run, on one screen."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import click

from ....kernel.values import asdict
from ....supervisor.containment.proof import Proof, proof_of
from ....supervisor.history.run_entry import RunEntry
from ....supervisor.records.record_file import read_record
from ....supervisor.records.runs import RunState, RunView, list_runs
from ...context.completion import complete_runs
from ...context.find_runs import find_runs
from ...ui.faults import Faults
from ...ui.terminal import on_one_line, one_line, size_text
from ..workspace.view import write_json
from .describe import describe_run
from .words import duration_of, local_time, seconds_between, span, state_words

_LABEL = 10


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=complete_runs)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def show(names: Sequence[str], as_json: bool) -> int:
    """Show what is known of runs: command, place, times, outcome and why, proof, changes.

    RUN is an issue, ISSUE/AGENT, PROJECT/ISSUE, a run id or its beginning, or - for the last run.
    It is shown also when its workspace is gone.
    """
    faults, entries = Faults(), find_runs(names)
    views = [_look(entry) for entry in entries]
    if as_json:
        write_json([_as_json(view) for view in views])
    else:
        for number, view in enumerate(views):
            _write(view, first=number == 0)
    for view in views:
        if view.problem is not None:
            faults.tell(view.entry.workspace, view.problem)
    return faults.status


def _look(entry: RunEntry) -> RunView:
    """Return the run as it is now, with what a live run uses."""
    if entry.finished is not None:
        return RunView(entry, RunState.FINISHED, entry.thread)
    views = {view.entry.run_id: view for view in list_runs(entry.issue)}
    return views.get(entry.run_id) or RunView(entry, RunState.ELSEWHERE)


def _record(entry: RunEntry) -> Mapping[str, Any]:
    """Return the run's own record, which an agent may have written; empty where it is gone."""
    place = Path(entry.workspace)
    base = place.parents[2] if len(place.parents) > 3 else None
    return read_record(Path(entry.record).parent, base) or {}


def _proof(entry: RunEntry) -> Proof | None:
    """Return what the kernel showed at the end: by our state directory, else by the record."""
    facts = entry.facts
    if entry.finished is None:
        return None
    if facts.mechanism is None:
        return proof_of(entry)
    proven = facts.proven is True
    return Proof(not facts.left, proven, facts.mechanism, facts.swept, facts.left)


def _as_json(view: RunView) -> dict[str, Any]:
    entry, proof = view.entry, _proof(view.entry)
    facts = asdict(entry.facts)
    known = describe_run(view)
    return {
        **known,
        "words": state_words(view),
        **{name: value for name, value in facts.items() if name not in known},
        "proof": None if proof is None else asdict(proof),
        "sees": _sees(_record(entry)),
        "next": _next(view),
    }


def _write(view: RunView, *, first: bool) -> None:
    text = [] if first else [""]
    # Nothing is cut: a person copies paths and commands from here.
    text += [f"{label:<{_LABEL}}{on_one_line(value)}" for label, value in _lines(view)]
    sys.stdout.write("".join(f"{line}\n" for line in text))


def _lines(view: RunView) -> Iterator[tuple[str, str]]:
    entry, facts = view.entry, view.entry.facts
    yield "run", f"{entry.run_id}  issue {entry.issue}, project {entry.project}, {entry.agent}"
    yield "state", state_words(view)
    yield "command", one_line(shlex.join(facts.command), 1000) or "not recorded"
    if sees := _sees(_record(entry)):
        yield "sees", "; ".join(sees)
    kind = f" ({facts.workdir_kind})" if facts.workdir_kind else ""
    yield "where", f"{facts.workdir or entry.workspace}{kind}"
    if facts.branch:
        yield "branch", facts.branch
    yield "time", _times(entry)
    if entry.finished is not None:
        yield "outcome", _outcome(entry)
    if facts.message:
        yield "said", facts.message
    if view.thread:
        yield "thread", view.thread
    if (proof := _proof(entry)) is not None:
        yield "proof", _proof_words(proof, by_record=not entry.place)
    if changed := _changes(entry):
        yield "changed", changed
    if used := _use(view):
        yield "used", used
    yield from (("next" if not number else "", line) for number, line in enumerate(_next(view)))


def _times(entry: RunEntry) -> str:
    began = f"began {local_time(entry.started)}"
    if entry.finished is None:
        return f"{began}, {span(seconds_between(entry.started))} ago"
    attempts = entry.facts.attempts or 1
    tried = f", {attempts} attempts" if attempts > 1 else ""
    took = span(duration_of(entry))
    return f"{began}, ended {local_time(entry.finished)}, took {took}{tried}"


def _outcome(entry: RunEntry) -> str:
    parts = [entry.agent_outcome or "no agent was started", f"exit {entry.exit_status}"]
    parts.append(f"reason {entry.reason}")
    if entry.facts.last_word not in (None, "none"):
        parts.append(f"its stream said {entry.facts.last_word}")
    return ", ".join(parts)


def _proof_words(proof: Proof, *, by_record: bool) -> str:
    if proof.left:
        shown = f"{proof.left} processes are left"
    elif proof.proven:
        shown = "the kernel showed nothing left running"
    else:
        shown = "not proven empty"
    swept = f"; {proof.swept} leftover processes ended" if proof.swept else ""
    told = "; as its record says" if by_record else ""
    return f"{shown} ({proof.mechanism or 'no agent was started'}){swept}{told}"


def _changes(entry: RunEntry) -> str | None:
    facts = entry.facts
    if facts.head_before is None and facts.head_after is None:
        return None
    parts = [f"{facts.ahead} {'commit' if facts.ahead == 1 else 'commits'}"] if facts.ahead else []
    if facts.dirty:
        parts.append("uncommitted changes")
    moved = f", HEAD {(facts.head_before or 'none')[:12]} → {(facts.head_after or 'none')[:12]}"
    return (" and ".join(parts) or "nothing") + (
        moved if facts.head_before != facts.head_after else ""
    )


def _use(view: RunView) -> str:
    facts, parts = view.entry.facts, list[str]()
    if view.processes is not None:
        parts.append("1 process" if view.processes == 1 else f"{view.processes} processes")
    if view.memory is not None:
        parts.append(f"{size_text(view.memory)} now")
    if facts.peak_memory is not None:
        parts.append(f"{size_text(facts.peak_memory)} at most")
    if facts.cpu is not None:
        parts.append(f"{facts.cpu:.1f} s of CPU")
    if facts.log_size is not None:
        parts.append(f"log {size_text(facts.log_size)}")
    return ", ".join(parts)


def _sees(record: Mapping[str, Any]) -> list[str]:
    """Return what the agent was shown, as far as its record tells."""
    found: list[str] = []
    receipt = record.get("environment")
    if isinstance(receipt, list):
        lines = [_part({"line": line}, "line") for line in cast("list[object]", receipt)]
        seen = sum(line.get("action") in ("kept", "set") for line in lines)
        found.append(f"{seen} variables")
    cargo, artifacts = _part(record, "cargo"), _part(record, "artifacts")
    for label, value in (
        ("build output in", cargo.get("target_dir")),
        ("artifacts in", artifacts.get("path")),
        ("network", record.get("network")),
    ):
        if isinstance(value, str) and value:
            found.append(f"{label} {value[:500]}")
    return found


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return cast("Mapping[str, Any]", part) if isinstance(part, dict) else {}


def _next(view: RunView) -> list[str]:
    """Return the commands that a person is most likely to want now."""
    entry = view.entry
    issue, run_id = shlex.quote(entry.issue), entry.run_id
    if view.state is RunState.DEAD:
        return ["codexlab reap"]
    if view.state is not RunState.FINISHED:
        return [f"codexlab logs -f {run_id}", f"codexlab stop {run_id}"]
    if not Path(entry.workspace).is_dir():
        return []
    found = [f"codexlab logs {run_id}"] if Path(entry.record).exists() else []
    if _changes(entry) not in (None, "nothing"):
        found.append(f"codexlab diff {issue}")
    return [*found, *([f"codexlab resume {issue}"] if view.thread else [])]
