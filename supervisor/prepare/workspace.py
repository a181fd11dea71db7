"""Everything the agent needs to find, made ready under the claim."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ...agents.adapter import expand_resume
from ...agents.network import Network
from ...agents.recognition import own_words
from ...agents.registry import adapter_of
from ...env.artifact_root import asks_for_space
from ...env.cargo import new_cargo_key
from ...env.policy.build import tool_shell_excludes
from ...env.policy.values import ChildEnvironment
from ...kernel.containment.membership import Mechanism
from ...kernel.errors import CodexlabError
from ...kernel.process.identity import ProcessIdentity
from ...kernel.values import frozen, replace
from ...workspace.claim.claim import Claim
from ...workspace.claim.run_history import make_run_directory, prune_runs
from ...workspace.claim.threads import keep_cargo_key
from ...workspace.codex_config.report import HealReport
from ...workspace.codex_home.heal import git_write_for, heal_codex_home
from ...workspace.git.held_checkout import HeldCheckout, hold_checkout
from ...workspace.git.pointers import Pointers, keep_pointers
from ...workspace.owner import OwnerRecord
from ...workspace.records.machine import pid_namespace
from ...workspace.users_codex_home import SessionMode
from ...workspace.workdir.context import place_context
from ...workspace.workdir.prepare import Workdir, prepare_workdir
from ..clock import now_text
from ..plan import Plan
from ..threads.lost_threads import adopt_threads
from ..threads.resume import ready_thread
from .environment import Routing, build_run_environment, use_routing
from .network import asked_network, network_of
from .start_directory import find_start
from .temporary import choose_temporary

KEPT_RUNS = 50


@frozen
class PreparedWorkspace:
    """A workspace made ready for one run.

    :param argv: the agent's argv, ``{resume}`` expanded.
    :param thread: the thread it resumes, or None.
    :param lease: a descriptor that keeps the routed cargo target, or None.
    :param sessions: descriptors that keep the sessions it resumes from others.
    :param pointers: files of git that the agent could rewrite, as they were; None without
        ``--git-write``.
    :param checkout: the workdir and its git directories, held open from before the agent.
    :param network: whether its tools reach the network; None where we do not know.
    """

    workdir: Workdir
    home: HealReport
    routing: Routing
    environment: ChildEnvironment
    argv: tuple[str, ...]
    thread: str | None
    temporary: str
    lease: int | None
    pointers: Pointers | None = None
    sessions: tuple[int, ...] = ()
    checkout: HeldCheckout | None = None
    network: Network | None = None


def describe_owner(
    plan: Plan, leaf: str | None, guardian: ProcessIdentity, mechanism: Mechanism
) -> OwnerRecord:
    """Return what is written down about this run before anything of it is started."""
    return OwnerRecord(
        run_id=plan.run_id,
        pid=guardian.pid,
        start_time=guardian.start_time,
        boot_id=guardian.boot_id,
        host=socket.gethostname(),
        uid=os.getuid(),
        cgroup=leaf,
        mechanism=mechanism,
        contained=False,
        started=now_text(),
        namespace=pid_namespace(),
    )


def prepare_workspace(plan: Plan, claim: Claim, tell: Callable[[str], None]) -> PreparedWorkspace:
    """Prepare or reuse and heal the workspace, and build the environment.

    :param tell: takes one line for the person at the terminal.
    """
    for last in reversed(claim.lasts):
        adopt_threads(plan.paths, plan.agent, last, plan.request.environ)
    workdir = prepare_workdir(
        claim,
        plan.workdir,
        after_create="after_create" in plan.request.hooks,
        patience=plan.patience(),
    )
    key = keep_cargo_key(claim, lambda: new_cargo_key(plan.key.issue))
    routing, lease = use_routing(
        plan, key, lambda routing: _make_routes(plan, routing, workdir.path)
    )
    try:
        return _furnish(plan, claim, workdir, routing, lease, tell)
    except BaseException:
        if lease is not None:
            os.close(lease)
        raise


def _make_routes(plan: Plan, routing: Routing, workdir: Path) -> int | None:
    """Make the directories that the routes lead to and lease the cargo target."""
    lease = _lease_target(plan, routing, workdir)
    try:
        _make_caches(routing)
    except BaseException:
        if lease is not None:
            os.close(lease)
        raise
    return lease


def _furnish(
    plan: Plan,
    claim: Claim,
    workdir: Workdir,
    routing: Routing,
    lease: int | None,
    tell: Callable[[str], None],
) -> PreparedWorkspace:
    git_write = git_write_for(workdir) if plan.request.git_write else None
    pointers = None
    if git_write is not None:
        pointers = keep_pointers(claim.state_dir, workdir.path, git_write.git_dir)
    home = heal_codex_home(
        plan.paths,
        plan.request.shared_home,
        writable_roots=(*_writable_roots(routing), *([workdir.path] if plan.below else ())),
        exclude_names=tool_shell_excludes(routing.policy),
        sessions=SessionMode(plan.request.sessions),
        git_write=git_write,
        network=asked_network(plan),
    )
    claim.note_home(plan.request.shared_home)
    place_context(plan.paths, plan.request.context, tell)
    for warning in home.warnings:
        tell(warning)
    start = Path(find_start(workdir.path, plan.below).path)
    network = network_of(plan, home.network, start)
    agent = adapter_of(plan.agent)
    if note := agent.foresee_trouble(plan.request.command, plan.paths.codex_home):
        tell(note)
    temporary = choose_temporary(plan.request.environ)
    environment = build_run_environment(plan, routing, workdir.path, None, temporary)
    thread = ready_thread(plan, start, environment.values, tell)
    if thread is not None:
        environment = build_run_environment(plan, routing, workdir.path, thread, temporary)
    argv = expand_resume(plan.request.command, agent, thread)
    sessions = _hold_sessions(plan, argv, environment, start)
    try:
        if note := make_run_directory(claim, plan.run_id):
            tell(note)
        prune_runs(plan.paths, KEPT_RUNS)
        checkout = hold_checkout(workdir.path, workdir.git_dir, workdir.common_dir)
    except BaseException:
        for fd in sessions:
            os.close(fd)
        raise
    return PreparedWorkspace(
        workdir=workdir,
        home=home,
        routing=routing,
        environment=environment,
        argv=argv,
        thread=thread,
        temporary=temporary,
        lease=lease,
        pointers=pointers,
        sessions=sessions,
        checkout=checkout,
        network=network,
    )


def _hold_sessions(
    plan: Plan, argv: tuple[str, ...], environment: ChildEnvironment, start: Path
) -> tuple[int, ...]:
    agent, words = adapter_of(plan.agent), own_words(argv)
    resumed = agent.sessions_to_hold(words, environment.values, start)
    if not resumed:
        return ()
    from ..threads.session_turns import hold_sessions

    return hold_sessions(plan, resumed, environment.values)


def replace_thread(plan: Plan, prepared: PreparedWorkspace, thread: str) -> PreparedWorkspace:
    """Return the same workspace for an attempt that resumes ``thread``."""
    environment = build_run_environment(
        plan, prepared.routing, prepared.workdir.path, thread, prepared.temporary
    )
    argv = expand_resume(plan.request.command, adapter_of(plan.agent), thread)
    return replace(prepared, environment=environment, argv=argv, thread=thread)


def _writable_roots(routing: Routing) -> tuple[Path, ...]:
    target = routing.cargo.target_dir
    return (*(() if target is None else (target,)), *routing.directories)


def _make_caches(routing: Routing) -> None:
    """Make the routed caches now: codex's sandbox opens only what exists."""
    if routing.artifacts.path is None:
        return
    # Here and below: only a launch with an artifact root or a floor needs them.
    from ...env.targets.layout import below
    from ...env.targets.root_dirs import make_below_root

    for directory in routing.directories:
        make_below_root(routing.artifacts, below(routing.artifacts.path, directory))


def _lease_target(plan: Plan, routing: Routing, workdir: Path) -> int | None:
    """Make the routed cargo target and lease it, so that no cleanup takes it meanwhile.

    :returns: a descriptor that holds the lease, or None where nothing is routed.
    :raises TooLittleSpace: less is free than the floors ask for.
    """
    artifacts, target = routing.artifacts, routing.cargo.target_dir
    if asks_for_space(plan.request.environ):
        from ...env.targets.floors import check_floors, read_floors

        check_floors(read_floors(plan.request.environ), artifacts.path, target or workdir)
    if target is None or artifacts.path is None:
        return None
    from ...env.targets.prepare import prepare_target

    return prepare_target(
        artifacts,
        target,
        key=routing.key,
        project=plan.key.project,
        issue=plan.key.issue,
        repo=str(plan.start.common_dir or ""),
        workdir=workdir,
    )


def note_thread_of_target(plan: Plan, prepared: PreparedWorkspace, thread: str) -> None:
    """Write the thread into the entry that says whose the routed target is.

    The entry is for people who clean up; a root that went away meanwhile must
    not end the run.
    """
    target = prepared.routing.cargo.target_dir
    if target is None or prepared.lease is None:
        return
    from ...env.targets.index import new_owner, record_owner

    owner = new_owner(
        prepared.routing.artifacts,
        target,
        key=prepared.routing.key,
        project=plan.key.project,
        issue=plan.key.issue,
        repo=str(plan.start.common_dir or ""),
        workdir=prepared.workdir.path,
        thread=thread,
    )
    with suppress(CodexlabError, OSError):
        record_owner(prepared.routing.artifacts, owner)
