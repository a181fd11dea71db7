"""The environment that a launch would give its agent now; nothing is made."""

from __future__ import annotations

from ...agents.adapter import RESUME
from ...env.cargo import new_cargo_key
from ...env.policy.values import ChildEnvironment
from ...kernel.values import frozen
from ...workspace.claim.threads import ThreadLog, known_cargo_key
from ..plan import Plan
from .environment import Routing, build_run_environment, decide_routing


@frozen
class ExpectedEnvironment:
    """What a launch would decide.

    :param thread: the thread it would resume, as far as the records say.
    """

    routing: Routing
    environment: ChildEnvironment
    thread: str | None


def expect_environment(plan: Plan, threads: ThreadLog) -> ExpectedEnvironment:
    """Decide routes and environment by the very functions that a launch uses.

    :param threads: what the workspace has on record.
    :raises ArtifactsRequired: the launch would fail so.
    """
    latest = threads.latest(plan.agent)
    thread = latest.id if latest and RESUME in plan.request.command else None
    routing = decide_routing(plan, known_cargo_key(plan.paths) or new_cargo_key(plan.key.issue))
    environment = build_run_environment(
        plan, routing, plan.workdir.path, thread, "(made at launch)"
    )
    return ExpectedEnvironment(routing, environment, thread)
