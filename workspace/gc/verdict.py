"""Decide which workspaces may be removed: pure functions of a survey."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ...kernel.xdg import state_directory
from ..unique_work.findings import EACH_SECONDS, ONE_SECONDS, TRANSCRIPTS, findings, unproven
from .survey import Survey, Tell, survey_workspaces
from .used_below import told, used_below
from .uses import Uses, read_uses

DAY = 86400.0
# For the slow ones of a whole collection; each of the others still has the least.
TOGETHER_SECONDS, LEAST_SECONDS = 30.0, 1.0


class GcAction(StrEnum):
    """What gc decides about a workspace; `Verdict` says what each means."""

    KEEP = "keep"
    COLLECT = "collect"
    DUE = "due"
    PRESSED = "pressed"


@dataclass(frozen=True, slots=True)
class GcPolicy:
    """When a workspace may go; all ages in seconds since it was last used.

    :param idle: any workspace.
    :param empty: one that never had a workdir.
    :param min_free: bytes that should be free on the filesystem; None where it does not matter.
    :param pressed_idle: any workspace, least recently used first, while less is free.
    """

    idle: float = 14 * DAY
    empty: float = DAY
    min_free: int | None = None
    pressed_idle: float = DAY


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision of gc about one workspace.

    :param action: ``keep`` it; ``collect`` it; it is ``due`` but has findings, so that only
        force would. ``pressed``: collect it if the disk is still short when its turn comes.
    :param reason: one line.
    :param findings: what exists nowhere else.
    :param failed: it could not be judged, so it is kept.
    """

    survey: Survey
    action: GcAction
    reason: str
    findings: tuple[str, ...] = ()
    failed: bool = False


def plan_collection(
    workspaces_root: Path,
    policy: GcPolicy,
    now: float,
    *,
    force: bool = False,
    tell: Tell | None = None,
) -> list[Verdict]:
    """Decide for every workspace below a root; reads only. Least recently used first.

    :param tell: as for `survey_workspaces`.
    """
    surveys = sorted(survey_workspaces(workspaces_root, tell), key=lambda survey: survey.used)
    pressed = is_pressed(workspaces_root, policy)
    return list(_verdicts(surveys, policy, now, pressed=pressed, force=force))


def is_pressed(workspaces_root: Path, policy: GcPolicy) -> bool:
    """Tell whether less is free than the policy asks for."""
    if policy.min_free is None:
        return False
    try:
        status = os.statvfs(workspaces_root)
    except FileNotFoundError:
        return False
    return status.f_bavail * status.f_frsize < policy.min_free


def judge(survey: Survey, policy: GcPolicy, now: float, *, pressed: bool) -> Verdict:
    """Decide by age and state alone."""
    age = now - survey.used
    if survey.busy:
        who = f"run {survey.owner.run_id}" if survey.owner else "a run"
        return Verdict(survey, GcAction.KEEP, f"held by {who}")
    provenance = survey.provenance
    if provenance is not None and provenance.removing:
        return Verdict(survey, GcAction.COLLECT, "its removal was begun and cut short")
    if provenance is not None and provenance.kind is None and age >= policy.empty:
        return Verdict(survey, GcAction.COLLECT, f"never had a workdir, {span(age)} old")
    if age >= policy.idle:
        return Verdict(survey, GcAction.COLLECT, f"unused for {span(age)}")
    if pressed and age >= policy.pressed_idle:
        return Verdict(survey, GcAction.PRESSED, f"the disk is short, unused for {span(age)}")
    return Verdict(survey, GcAction.KEEP, f"used {span(age)} ago")


def span(seconds: float) -> str:
    """Return an age as people say it."""
    for unit, size in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def explain(survey: Survey, policy: GcPolicy, now: float, *, pressed: bool) -> Verdict:
    """Decide for one workspace, and name its findings also while it is kept anyway."""
    verdict, uses = judge(survey, policy, now, pressed=pressed), read_uses(state_directory())
    if verdict.action is GcAction.KEEP:
        reason = verdict.reason if survey.busy else unproven(survey.owner) or verdict.reason
        used = used_below(survey.paths, uses)
        found = findings(survey.paths, survey.provenance)
        return Verdict(
            survey, GcAction.KEEP, reason, (*(told(survey.paths, use) for use in used), *found)
        )
    return _examine(verdict, uses, force=False, seconds=ONE_SECONDS)


def _verdicts(
    surveys: Iterable[Survey], policy: GcPolicy, now: float, *, pressed: bool, force: bool
) -> Iterable[Verdict]:
    uses: Uses | None = None
    left = TOGETHER_SECONDS
    for survey in surveys:
        begun = time.monotonic()
        try:
            verdict = judge(survey, policy, now, pressed=pressed)
            if verdict.action is not GcAction.KEEP:
                uses = uses or read_uses(state_directory())
                seconds = min(EACH_SECONDS, max(LEAST_SECONDS, left))
                verdict = _examine(verdict, uses, force=force, seconds=seconds)
            left -= max(0.0, time.monotonic() - begun - LEAST_SECONDS)
            yield verdict
        except Exception as error:
            # An agent can put anything there: what cannot be judged stays, the others are judged.
            left -= max(0.0, time.monotonic() - begun - LEAST_SECONDS)
            reason = f"cannot be judged ({str(error) or type(error).__name__})"
            yield Verdict(survey, GcAction.KEEP, reason, failed=True)


def _examine(
    verdict: Verdict, uses: Uses, *, force: bool, seconds: float = EACH_SECONDS
) -> Verdict:
    """Look closely at one that is due: for survivors, and for what exists nowhere else.

    :param uses: what the runs of all workspaces use, or used.
    """
    survey = verdict.survey
    survivors = unproven(survey.owner)
    if survivors is not None:
        return Verdict(survey, GcAction.KEEP, survivors)
    used = used_below(survey.paths, uses)
    kept = tuple(told(survey.paths, use) for use in used)
    for use, line in zip(used, kept, strict=True):
        if use.held:
            return Verdict(survey, GcAction.KEEP, f"{line}; a run is in it")
    found = (*kept, *findings(survey.paths, survey.provenance, seconds=seconds))
    # Transcripts of its own are moved to the shared store first.
    blocking = [line for line in found if not line.startswith(TRANSCRIPTS)]
    action = GcAction.DUE if blocking and not force else verdict.action
    return Verdict(survey, action, verdict.reason, found)
