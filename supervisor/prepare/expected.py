"""The environment that a launch would give its agent now; nothing is made."""

from __future__ import annotations

from ...agents.adapter import RESUME
from ...env.cargo import new_cargo_key
from ...env.policy.values import ChildEnvironment
from ...kernel.values import frozen
from ...workspace.claim.threads import ThreadLog, known_cargo_key
from ..plan import Plan
from .environment import Routing, build_run_environment, use_routing


@frozen
class ExpectedEnvironment:
    """The decisions that a launch would make.

    :param thread: the thread it would resume, as far as the records say.
    """

    routing: Routing
    environment: ChildEnvironment
    thread: str | None


def expect_environment(plan: Plan, threads: ThreadLog) -> ExpectedEnvironment:
    """Decide routes and environment by the very functions that a launch uses.

    :param threads: what the workspace has on record.
    :raises CodexlabError: the launch would fail so.
    """
    latest = threads.latest(plan.agent)
    thread = latest.id if latest and RESUME in plan.request.command else None
    key = known_cargo_key(plan.paths) or new_cargo_key(plan.key.issue)
    routing, _ = use_routing(plan, key, lambda routing: _look_at_routes(plan, routing))
    environment = build_run_environment(
        plan, routing, plan.workdir.path, thread, "(made at launch)"
    )
    return ExpectedEnvironment(routing, environment, thread)


def _look_at_routes(plan: Plan, routing: Routing) -> None:
    """Raise what the launch would when it makes the directories that the routes lead to."""
    from ...env.targets.floors import check_floors, read_floors

    artifacts, target = routing.artifacts, routing.cargo.target_dir
    check_floors(read_floors(plan.request.environ), artifacts.path, target or plan.workdir.path)
    if artifacts.path is None:
        return
    from ...env.targets.layout import below
    from ...env.targets.prepare import foresee_target
    from ...env.targets.root_dirs import look_below_root

    if target is not None:
        foresee_target(artifacts, target)
    for directory in routing.directories:
        look_below_root(artifacts, below(artifacts.path, directory))
