"""One launch, top to bottom."""

from __future__ import annotations

import os
from contextlib import suppress

import anyio

from ...guardian.channel import Channel
from ...guardian.protocol import Finish
from ...kernel.errors import CodexlabError
from ...kernel.process.identity import name_process
from ...kernel.values import replace
from ...workspace.claim.claim import Claim
from ..blocking import in_thread, run_blocking
from ..callbacks import Tell
from ..caller import Caller, RunOutcome
from ..containment.ownership import RunOwnership
from ..errors import GuardianLost, PlaceUnusable, reason_of, refusal
from ..guardian_client.continue_guardian import keep_unattended_going
from ..guardian_client.link import GuardianLink
from ..lifecycle.exit import EXIT_FAILED, Reason
from ..output.events import EventLog, open_events_target
from ..output.stdin import check_stdin
from ..plan import Plan, plan_run
from ..prepare.command import needs_workdir, resolve_command
from ..prepare.secrets import make_masker
from ..records.registration import RunRegistration
from ..request import LaunchRequest
from .cancellation import unless_cancelled
from .claiming import claim_with_patience
from .run import run_agent

_LOST = RunOutcome(EXIT_FAILED, Reason.SUPERVISOR_LOST, error="the guardian died")


async def launch(request: LaunchRequest, channel: Channel, tell: Tell) -> RunOutcome:
    """Carry out one request as the child of its guardian, and tell the guardian its exit status.

    :param channel: the supervisor's end of the channel to its guardian.
    :param tell: takes one line for the person at the terminal.
    """
    guardian = name_process(os.getppid())
    link = GuardianLink(channel, guardian)
    terminal = None
    if request.terminal:
        from ..terminal.user_terminal import UserTerminal

        terminal = UserTerminal(link, guardian.pid, tell)
        tell = terminal.tell
    caller = Caller(
        link,
        guardian,
        tell,
        outputs=(1, 2),
        terminal=terminal,
        verbose=not request.quiet and (request.verbose or os.isatty(2)),
    )
    try:
        return await carry_out(request, caller)
    finally:
        if terminal is not None:
            terminal.quit_job()


async def carry_out(request: LaunchRequest, caller: Caller) -> RunOutcome:
    """Carry out one request; errors of a caller or operator become its outcome.

    :raises Cancelled: by the surrounding scope only after nothing of the run is left
        undecided: callers shield it (see ``open_run``).
    """
    link = caller.link
    outcome = _LOST
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.listen)
            tasks.start_soon(keep_unattended_going, caller.guardian)
            with suppress(GuardianLost):
                outcome = await _carry_out(request, caller)
            tasks.cancel_scope.cancel()
        if not link.lost:
            with suppress(GuardianLost):
                link.tell(Finish(outcome.status))
    finally:
        # Also after a fault of ours: the guardian then ends the run and says so.
        link.close()
    return outcome


async def _carry_out(request: LaunchRequest, given: Caller) -> RunOutcome:
    mask = make_masker(request, {}).mask_text

    def tell(line: str) -> None:
        given.tell(mask(line))

    caller = replace(given, tell=tell)
    events: EventLog | None = None
    listed: RunRegistration | None = None
    outcome = _LOST
    try:
        plan = await unless_cancelled(
            caller.link, lambda: in_thread(plan_run, request), request.timeout
        )
        if request.terminal:
            from ..terminal.check import check_terminal

            check_terminal(request.events, lent=caller.terminal is not None)
        listed = RunRegistration(plan, caller, mask)
        events = EventLog(plan.run_id, plan.key.issue, mask, caller.hear)
        if request.events is not None:
            events.add_target(open_events_target(request.events))
        events.emit("run.planned", command=list(request.command), workspace=str(plan.paths.root))
        _check_early(plan)
        claim = await unless_cancelled(caller.link, lambda: claim_with_patience(plan, caller.tell))
        outcome = await _under_claim(plan, claim, caller, events)
    except (CodexlabError, OSError) as refused:
        error = refusal(refused, str(request.workspaces_root), request.origins)
        caller.tell(str(error))
        outcome = RunOutcome(error.exit_status, reason_of(error), error=str(error))
        if events is not None:
            outcome = replace(outcome, run_id=events.run_id)
            events.emit("run.finished", reason=outcome.reason, exit_status=outcome.status)
    finally:
        if listed is not None:
            listed.finish(outcome)
        if events is not None:
            await events.close()
    return outcome


async def _under_claim(plan: Plan, claim: Claim, caller: Caller, events: EventLog) -> RunOutcome:
    """Run the agent; afterwards the claim is freed only if the run is proven empty."""
    ownership = RunOwnership(plan, claim, caller.link, caller.guardian)
    status: int | None = None
    try:
        outcome = await run_agent(ownership, caller, events)
    except CodexlabError as error:
        status = error.exit_status
        raise
    except GuardianLost:
        raise
    except BaseException:
        # A fault of ours, or the host's loop ends under us: nobody here writes the end down.
        # The guardian ends the run then, finishes its record and frees the claim.
        ownership.doubt()
        raise
    else:
        status = outcome.status
        return outcome
    finally:
        with anyio.CancelScope(shield=True):
            await run_blocking(ownership.release, status)


def _check_early(plan: Plan) -> None:
    """Find a missing command, stdin or context file before anything is made for them."""
    check_stdin(plan.request.stdin)
    for path in plan.request.context:
        if not os.path.isfile(path):
            raise PlaceUnusable("--context", str(path), "is no file", "expected a regular file")
    name = plan.request.command[0]
    if not needs_workdir(name):
        resolve_command(name, plan.request.environ.get("PATH", os.defpath), plan.paths.workdir)
