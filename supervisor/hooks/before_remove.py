"""The hook before a workspace is removed: contained as at a launch, under the removal's claim.

Invariant: nothing is deleted before the kernel showed that nothing of the hook is left. If it is
killed at any moment, its guardian or `end_left_by_removal` ends the hook. The next removal
finishes this one and runs the hook again: it runs at least once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import anyio
from anyio.abc import TaskStatus

from ...env.cargo import new_cargo_key
from ...env.secrets.mask import Masker
from ...guardian.protocol import Finish
from ...kernel.files.atomic import replace_file
from ...kernel.files.below import directory_below
from ...kernel.files.home_owner import make_private_directory
from ...kernel.files.tree import remove_tree
from ...kernel.process.identity import name_process
from ...kernel.values import asdict, frozen
from ...workspace.claim.claim import Claim
from ...workspace.claim.threads import known_cargo_key
from ...workspace.gc.remove import BeforeRemove
from ...workspace.gc.survey import Survey
from ...workspace.git.checkout import inspect_checkout
from ...workspace.paths import key_of_place
from ...workspace.records.provenance import WorkdirKind
from ...workspace.workdir.plan import WorkdirPlan
from ..blocking import in_thread
from ..callbacks import Tell
from ..clock import now_text
from ..containment.ownership import RunOwnership
from ..containment.reap import reap_one
from ..errors import GuardianLost, RemovalStopped, RemovalUnattended
from ..guardian_client.continue_guardian import keep_unattended_going
from ..guardian_client.link import GuardianLink
from ..guardian_client.pool import open_guardian
from ..lifecycle.ladder import build_ladder
from ..output.events import EventLog
from ..output.log import open_to_append
from ..plan import Plan, new_run_id
from ..prepare.environment import build_run_environment, decide_routing
from ..prepare.secrets import find_secrets
from ..prepare.temporary import choose_temporary, create_temporary
from ..records.record_file import removal_directory
from ..request import LaunchRequest
from .hook import HookRunner
from .hook_end import HookEnd, HookStatus

NAME = "before_remove"
KEPT_REMOVALS = 50


@frozen
class _RemovalPlan(Plan):
    """A plan whose log and record outlive the workspace.

    :param directory: where both lie, in our state directory.
    """

    directory: Path

    @property
    def run_directory(self) -> Path:
        return self.directory


def before_remove_hook(request: LaunchRequest, tell: Tell) -> BeforeRemove:
    """Return what `codexlab.workspace.gc.remove.remove_workspace` calls, to run ``before_remove``.

    The failure of a hook is reported and recorded; the removal goes on.

    :param request: who asks: environment, shared home, the hook and its limit. Its
        issue, project, agent and command are not looked at.
    :param tell: takes one line for a person.
    """

    def attend(claim: Claim, workdir: Path) -> None:
        for line in claim.notes:
            tell(line)
        plan = _plan(request, claim, workdir)
        root = os.fspath(claim.paths.root)
        try:
            end = anyio.run(_attend, plan, claim, tell, backend="trio")
        except GuardianLost:
            raise RemovalUnattended(root, "the guardian died") from None
        except OSError as error:
            raise RemovalUnattended(root, f"{error.filename or NAME}: {error.strerror}") from None
        if end.signal is not None:
            raise RemovalStopped(root, end.signal)
        if end.left or end.status is HookStatus.GUARDIAN_LOST:
            raise RemovalUnattended(root, end.problem or "")
        if end.problem:
            tell(end.problem)

    return attend


def end_left_by_removal(survey: Survey) -> None:
    """End what a removal's hook left when both the removal and its guardian were killed."""
    owner = survey.owner
    if owner is not None and not owner.contained and not survey.busy:
        reap_one(survey, owner)


def _plan(request: LaunchRequest, claim: Claim, workdir: Path) -> _RemovalPlan:
    run_id = new_run_id()
    kind = claim.read_provenance().kind or WorkdirKind.PLAIN
    key = key_of_place(claim.paths, claim.key)
    return _RemovalPlan(
        request=request,
        run_id=run_id,
        agent=key.agent,
        key=key,
        paths=claim.paths,
        start=inspect_checkout(workdir),
        workdir=WorkdirPlan(kind, workdir),
        ladder=build_ladder(request.grace),
        directory=removal_directory(run_id),
    )


async def _attend(plan: _RemovalPlan, claim: Claim, tell: Tell) -> HookEnd:
    """Run the hook below a guardian of its own, which ends it if we die."""
    _make_directory(plan)
    channel, pid = await in_thread(open_guardian)
    guardian = name_process(pid)
    link = GuardianLink(channel, guardian)
    ownership = RunOwnership(plan, claim, link, guardian)
    ends: list[HookEnd | Exception] = []
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.listen)
            tasks.start_soon(keep_unattended_going, guardian)
            # Heard from before the hook starts: a signal would end us and leave it to run.
            await tasks.start(_pass_signals, link)
            # Kept aside, so that it leaves here as itself and not as a group.
            try:
                ends.append(await _run(plan, ownership, tell))
            except Exception as error:
                ends.append(error)
            tasks.cancel_scope.cancel()
    finally:
        # A hook that is not proven gone stays written down so: the next holder ends it first.
        ownership.clean_up()
        ownership.take_group(None)
        with suppress(GuardianLost):
            link.tell(Finish(0))
        link.close()
    if isinstance(ends[0], Exception):
        raise ends[0]
    return ends[0]


async def _run(plan: _RemovalPlan, ownership: RunOwnership, tell: Tell) -> HookEnd:
    temporary = choose_temporary(plan.request.environ)
    environment = _environment(plan, temporary)
    secrets = find_secrets(plan.request, environment)
    mask = Masker(secrets).mask_text
    events = EventLog(plan.run_id, plan.key.issue, mask)
    events.add_target(open_to_append(plan.run_directory / "events.ndjson", plan.paths.base))
    try:
        ownership.end_previous(tell)
        ownership.begin()
        ownership.hand_over(temporary)
        create_temporary(temporary)
        runner = HookRunner(ownership, events, secrets)
        record = _Record(plan, mask, temporary)
        record.write({"name": NAME, "status": None, "log": runner.log_of(NAME)})
        end = await runner.run(NAME, plan.request.hooks[NAME], plan.workdir.path, environment)
        record.write(end.describe(), reason="removal", finished=now_text())
        return end
    finally:
        await events.close()


def _environment(plan: Plan, temporary: str) -> dict[str, str]:
    key = known_cargo_key(plan.paths) or new_cargo_key(plan.key.issue)
    routing = decide_routing(plan, key)
    child = build_run_environment(plan, routing, plan.workdir.path, None, temporary)
    return {**child.values, "CODEXLAB_RUN_WORKSPACE": os.fspath(plan.paths.root)}


async def _pass_signals(
    link: GuardianLink, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Report what a terminal or an operator sends us as if our guardian had received it."""
    ending_signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    with anyio.open_signal_receiver(*ending_signals) as signals:
        task_status.started()
        async for signum in signals:
            link.inject(signum)


def _make_directory(plan: _RemovalPlan) -> None:
    """Make the removal's directory and let go of the oldest ones, whose names sort first."""
    removals = plan.directory.parent
    make_private_directory(plan.directory)
    with directory_below(os.fspath(removals), "") as directory:
        for name in sorted(os.listdir(directory))[:-KEPT_REMOVALS]:
            with suppress(OSError):
                remove_tree(name, directory)


class _Record:
    """``record.json`` of a removal; a crash leaves its ``reason`` to whoever ends the hook."""

    def __init__(self, plan: _RemovalPlan, mask: Callable[[str], str], temporary: str) -> None:
        self._path = os.fspath(plan.run_directory / "record.json")
        self._mask = mask
        self._planned = {
            "v": 1,
            "run_id": plan.run_id,
            **asdict(plan.key),
            "workspace": os.fspath(plan.paths.root),
            "started": now_text(),
            "temporary": temporary,
        }

    def write(
        self,
        hook: dict[str, Any],
        reason: Literal["removal"] | None = None,
        finished: str | None = None,
    ) -> None:
        import json

        content = {**self._planned, "reason": reason, "finished": finished, "hooks": [hook]}
        text = self._mask(json.dumps(content, indent=2))
        replace_file(self._path, text.encode() + b"\n", durable=False)
