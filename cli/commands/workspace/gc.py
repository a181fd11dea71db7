"""``codexlab workspace gc``: list the workspaces that may go, and why; ``--apply`` deletes them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ....kernel.errors import BusyError, CallerError
from ...context.removal_hook import (
    RemovalHook,
    end_left_by_removals,
    find_removal_hook,
    hook_option,
    limit_option,
)
from ...context.workspaces import find_root, gc_policy, tell_unreadable
from ...ui.faults import Faults, describe_fault
from ...ui.literal_types import DURATION, SIZE
from ...ui.terminal import on_one_line
from ..runs.columns import Column, write_columns
from .options import json_option, root_option
from .view import size_or_dots, why, work_word, write_json

# Imported on use: ``--help`` and a wrong option need none of it.
if TYPE_CHECKING:
    from ....workspace.gc.survey import Survey
    from ....workspace.gc.url_caches import CacheVerdict
    from ....workspace.gc.verdict import Verdict
    from ...context.glance import Glance

    _Row = tuple[Verdict, str, str]  # decision, action, reason

_COLUMNS = (
    Column("PROJECT", 5, 12),
    Column("ISSUE", 0, 10),
    Column("AGENT", 4),
    Column("SIZE", 2),
    Column("WORK", 3),
    Column("ACTION"),
    Column("WHY", 0, 24),
)


@click.command()
@root_option
@click.option("--apply", is_flag=True, help="Delete. Without it: only list.")
@click.option(
    "--force", is_flag=True, help="Also delete workspaces with uncommitted or unpushed work."
)
@click.option("--idle", type=DURATION, help="Unused this long; 14d.")
@click.option("--min-free", type=SIZE, help="Delete more when less than this is free.")
@hook_option
@limit_option
@json_option
def gc(
    root: str | None,
    apply: bool,
    force: bool,
    idle: float | None,
    min_free: int | None,
    hook_before_remove: str | None,
    hook_timeout: str | None,
    as_json: bool,
) -> int:
    """Say which workspaces may go and why, and with --apply delete those."""
    from ....workspace.gc.killed_removals import empty_trash, strangers_in_trash
    from ....workspace.gc.verdict import GcAction, is_pressed, plan_collection
    from ...context.glance import glance_at

    place, policy = find_root(root), gc_policy(idle, min_free)
    hook = find_removal_hook(hook_before_remove, hook_timeout, place)
    faults = Faults()
    if apply:
        empty_trash(place, tell=lambda path, error: faults.tell(str(path), error))
    for stranger in strangers_in_trash(place):
        told = f"{stranger}: kept, no removal by codexlab put it there; move it away, or delete it"
        click.echo(on_one_line(told), err=True)
    tell = tell_unreadable(faults, place)
    verdicts = plan_collection(place, policy, time.time(), force=force, tell=tell)
    if apply and end_left_by_removals((verdict.survey for verdict in verdicts), faults):
        verdicts = plan_collection(place, policy, time.time(), force=force)
    looks = glance_at(verdict.survey for verdict in reversed(verdicts))
    rows: list[_Row] = []
    for verdict in verdicts:
        if verdict.failed:
            faults.tell(verdict.survey.place, verdict.reason)
        pressed = verdict.action is GcAction.PRESSED and (not apply or is_pressed(place, policy))
        goes = verdict.action is GcAction.COLLECT or pressed
        if not goes:
            rows.append((verdict, "keep", why(verdict)))
        elif not apply:
            rows.append((verdict, "would go", why(verdict)))
        else:
            rows.append((verdict, *_collect(verdict, hook, faults, force=force)))
    caches = _collect_caches(time.time(), faults, apply=apply)
    rows.reverse()  # decided from the least used on, and shown the last used first
    _write_gc(rows, caches, looks, as_json=as_json)
    if hook is not None and "would go" in [row[1] for row in rows]:
        told = f"hook before_remove would run before each: {hook.shown}"
        click.echo(on_one_line(told), err=True)
    if not apply and "would go" in [row[1] for row in (*rows, *caches)]:
        click.echo("dry run: nothing was deleted; --apply deletes", err=True)
    return faults.status


def _collect(
    verdict: Verdict, hook: RemovalHook | None, faults: Faults, *, force: bool
) -> tuple[str, str]:
    from ....supervisor.errors import RemovalStopped
    from ....workspace.gc.remove import LeftInTrash, remove_workspace

    survey = verdict.survey
    attend = hook.attend if hook is not None else None
    try:
        done = remove_workspace(
            survey.paths, survey.key, force=force, unused_since=survey.used, attend=attend
        )
    except RemovalStopped:
        raise
    except (CallerError, BusyError) as error:
        return "kept", str(error)
    except LeftInTrash as error:
        faults.tell(survey.place, error)
        return "in trash", f"what is left lies at {error.trashed}"
    except Exception as error:
        faults.tell(survey.place, error)
        return "kept", describe_fault(error)
    return "deleted", "; ".join((why(verdict), *done.kept))


def _collect_caches(now: float, faults: Faults, *, apply: bool) -> list[tuple[CacheVerdict, str]]:
    from ....workspace.gc.url_caches import plan_cache_collection

    def collect(cache: CacheVerdict) -> tuple[CacheVerdict, str]:
        return cache, _collect_cache(cache, now, apply=apply)

    return faults.each(plan_cache_collection(now), collect, lambda cache: str(cache.path))


def _collect_cache(verdict: CacheVerdict, now: float, *, apply: bool) -> str:
    if not verdict.goes:
        return "keep"
    if not apply:
        return "would go"
    from ....kernel.xdg import state_directory
    from ....workspace.gc.url_caches import MONTH, remove_cache

    gone = remove_cache(verdict.path, idle=MONTH, now=now, state_dir=state_directory())
    return "deleted" if gone else "kept: in use"


def _write_gc(
    rows: list[_Row],
    caches: list[tuple[CacheVerdict, str]],
    looks: dict[str, Glance],
    *,
    as_json: bool,
) -> None:
    if as_json:
        found = [{"cache": str(e.path), "action": done, "reason": e.reason} for e, done in caches]
        workspaces = [_gc_document(*row, looks[row[0].survey.place]) for row in rows]
        write_json({"workspaces": workspaces, "caches": found})
        return
    for cache, done in caches:
        click.echo(on_one_line(f"cache {cache.path}: {done}, {cache.reason}"))
    if not rows:
        click.echo("no workspaces", err=True)
        return
    shown = ((row, looks[row[0].survey.place]) for row in rows)
    write_columns(
        _COLUMNS,
        (
            (*_names(verdict.survey), size_or_dots(look), work_word(look), done, reason)
            for (verdict, done, reason), look in shown
        ),
    )


def _gc_document(verdict: Verdict, done: str, reason: str, look: Glance) -> dict[str, object]:
    project, issue, agent = _names(verdict.survey)
    return {
        "project": project,
        "issue": issue,
        "agent": agent,
        "path": str(verdict.survey.paths.root),
        "size": look.size,
        "dirty": look.dirty,
        "unmerged": look.unmerged,
        "action": done,
        "reason": reason if done in ("kept", "in trash") else verdict.reason,
        "findings": list(verdict.findings),
    }


def _names(survey: Survey) -> tuple[str, str, str]:
    key = survey.place_key
    return key.project, key.issue, key.agent
