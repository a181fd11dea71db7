"""One launch, top to bottom."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

import anyio
import anyio.to_thread

from ..kernel import Channel, CodexlabError
from ..workspace import Claim
from ._cancelling import unless_cancelled
from ._claiming import claim_with_patience
from ._command import needs_workdir, resolve_command
from ._errors import Cancelled, GuardianLost, PlaceUnusable
from ._events import EventLog, open_events_target
from ._exit import EXIT_FAILED
from ._link import GuardianLink
from ._plan import Plan, plan_run
from ._possession import Possession
from ._request import LaunchRequest
from ._run import run_agent
from ._stdin import check_stdin

Tell = Callable[[str], None]


async def launch(request: LaunchRequest, channel: Channel, tell: Tell) -> int:
    """Carry out one request and tell the guardian what to exit with.

    :param channel: the supervisor's end of the channel to its guardian.
    :param tell: takes one line for the person at the terminal.
    :returns: the exit status.
    """
    link = GuardianLink(channel)
    status = EXIT_FAILED
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.listen)
        with suppress(GuardianLost):
            status = await _launch(request, link, tell)
        tasks.cancel_scope.cancel()
    link.close()
    if not link.lost:
        link.tell({"op": "finish", "status": status})
    return status


async def _launch(request: LaunchRequest, link: GuardianLink, tell: Tell) -> int:
    events: EventLog | None = None
    try:
        plan = await unless_cancelled(link, lambda: anyio.to_thread.run_sync(plan_run, request))
        events = _open_events(plan)
        events.emit("run.planned", command=list(request.command), workspace=str(plan.paths.root))
        _check_early(plan)
        claim = await unless_cancelled(
            link, lambda: claim_with_patience(plan.paths, plan.key, request.wait)
        )
        return await _under_claim(plan, claim, link, events, tell)
    except CodexlabError as error:
        tell(str(error))
        if events is not None:
            events.emit("run.finished", reason=_reason(error), exit_status=error.exit_status)
        return error.exit_status
    finally:
        if events is not None:
            events.close()


async def _under_claim(
    plan: Plan, claim: Claim, link: GuardianLink, events: EventLog, tell: Tell
) -> int:
    """Run the agent; afterwards the claim is freed only if the run is proven empty."""
    possession = Possession(plan, claim, link, os.getppid())
    try:
        return await run_agent(plan, possession, link, events, tell)
    except OSError as error:
        where = error.filename or plan.run_directory
        raise PlaceUnusable(
            "the workspace", str(where), error.strerror or "unusable", "make room or mend it"
        ) from error
    finally:
        possession.give_back()


def _open_events(plan: Plan) -> EventLog:
    events = EventLog(plan.run_id, plan.key.issue)
    if plan.request.events is not None:
        events.add_target(open_events_target(plan.request.events))
    return events


def _check_early(plan: Plan) -> None:
    """Find a missing command or stdin before anything is made for them."""
    check_stdin(plan.request.stdin)
    name = plan.request.command[0]
    if not needs_workdir(name):
        resolve_command(name, plan.request.environ.get("PATH", os.defpath), plan.paths.workdir)


def _reason(error: CodexlabError) -> str:
    if isinstance(error, Cancelled):
        return "cancelled"
    return "busy" if error.exit_status == 75 else "launch-failed"
