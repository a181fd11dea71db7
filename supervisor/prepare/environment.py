"""The agent's whole environment: what is let through, and what we set."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ...env.artifact_root import ArtifactRoot, open_artifact_root
from ...env.cargo import CargoRoute, parse_scope, repository_name, route_cargo, safe_cargo_key
from ...env.policy.adapters import codex_provider_names
from ...env.policy.build import build_environment
from ...env.policy.circumstances import Circumstances
from ...env.policy.values import ChildEnvironment, EnvironmentPolicy
from ...kernel.containment.membership import RUN_ID_VARIABLE
from ...kernel.errands.git_environment import trusted_directories
from ...kernel.errors import OperatorError
from ...kernel.files.home_owner import git_as_home_owner, git_trusts
from ...kernel.real_path import real_path
from ...kernel.values import frozen
from ...workspace.records.provenance import WorkdirKind
from ...workspace.repository.project import read_origin
from ..errors import ArtifactsRequired, blame_origins
from ..plan import Plan

_T = TypeVar("_T")


@frozen
class Routing:
    """What the agent may see, and where high-churn build output goes.

    :param key: the cargo key in force.
    :param caches: variables of the package managers and the exec harness.
    :param directories: what the routes point at, below the artifact root.
    """

    policy: EnvironmentPolicy
    artifacts: ArtifactRoot
    cargo: CargoRoute
    key: str
    caches: dict[str, str]
    directories: tuple[Path, ...]


def use_routing(plan: Plan, cargo_key: str, use: Callable[[Routing], _T]) -> tuple[Routing, _T]:
    """Decide the routes and use them.

    If a link or file lies in the place of a directory below the root, the run goes on without the
    root.

    :param use: makes the directories, or looks whether they could be made.
    :raises OperatorError: what ``use`` raises, where the root is required or not the cause.
    """
    routing = decide_routing(plan, cargo_key)
    try:
        return routing, use(routing)
    except OperatorError as error:
        from ...env.targets.errors import RootUnusable, TargetPathRefused

        if plan.request.require_artifacts or not isinstance(
            error, TargetPathRefused | RootUnusable
        ):
            raise
        routing = decide_routing(plan, cargo_key, without_root=str(error))
    return routing, use(routing)


def decide_routing(plan: Plan, cargo_key: str, *, without_root: str | None = None) -> Routing:
    """Read the shared config and the artifact root; decide policy and routes.

    :param cargo_key: the workspace's own; ``--cargo-key`` wins over it.
    :param without_root: why the artifact root, usable as it looks, is not used all the same.
    :raises ArtifactsRequired: the root cannot be used, and ``--require-artifacts`` was given.
    """
    request = plan.request
    artifacts = (
        ArtifactRoot(None, without_root) if without_root else open_artifact_root(request.environ)
    )
    if artifacts.path is None and request.require_artifacts:
        raise blame_origins(ArtifactsRequired(artifacts.fallback_reason), request.origins)
    policy = EnvironmentPolicy(
        agent=plan.agent,
        # Of a file that is no TOML the line comes from healing the codex-home.
        provider_names=codex_provider_names(
            request.shared_home / "config.toml", request.command, lambda _: None
        ),
        user_pass=request.user_pass,
        user_set=request.user_set,
        pass_names=request.pass_names,
        file_values=request.file_values,
        set_values=request.set_values,
        circumstances=Circumstances(request.terminal, left_behind(plan)),
    )
    key = safe_cargo_key(request.cargo_key) if request.cargo_key else cargo_key
    if artifacts.path is None:
        cargo = route_cargo(key, parse_scope(request.cargo_scope), artifacts, "", "")
        return Routing(policy, artifacts, cargo, key, {}, ())
    return _route_below(plan, artifacts, artifacts.path, policy, key)


def left_behind(plan: Plan) -> tuple[str, ...]:
    """Return the checkouts whose own tools are not for an agent that works elsewhere.

    A checkout that holds the home directory keeps nothing back: its tools are the user's.
    """
    if plan.workdir.kind in (WorkdirKind.LINKED, WorkdirKind.GIVEN):
        return ()
    tops = {plan.start.top, _main_checkout(plan.workdir.repo)} - {None}
    if not tops:
        return ()
    home, workdir = (
        real_path(place) for place in (plan.request.environ.get("HOME") or "/", plan.workdir.path)
    )
    found = {os.fspath(top) for top in tops if top is not None}
    return tuple(
        sorted(top for top in found if top != workdir and not f"{home}/".startswith(f"{top}/"))
    )


def _main_checkout(common_dir: Path | None) -> Path | None:
    return common_dir.parent if common_dir is not None and common_dir.name == ".git" else None


def _route_below(
    plan: Plan, artifacts: ArtifactRoot, root: Path, policy: EnvironmentPolicy, key: str
) -> Routing:
    """Send cargo, pnpm, npm and the exec harness below a usable artifact root.

    What the user sets by name for the agent stays theirs; only cargo's own
    variables are not for setting.
    """
    from platformdirs import user_cache_path

    from ...env.artifacts.routes import pnpm_major, route_caches
    from ...env.rustc_host import host_triple
    from ...env.targets.layout import Layout

    environ = plan.request.environ
    host = host_triple(user_cache_path("codexlab"), environ)
    layout = Layout(root, _repository(plan), host)
    cargo = route_cargo(
        key, parse_scope(plan.request.cargo_scope), artifacts, layout.repo, layout.host
    )
    theirs = _named_by_user(policy)
    routes = route_caches(layout, pnpm_major(environ))
    caches = {name: value for name, value in routes.items() if name not in theirs}
    directories = (
        layout.package_cache("pnpm-store"),
        layout.package_cache("npm-cache"),
        layout.harness_target,
        layout.harness_output,
    )
    return Routing(policy, artifacts, cargo, key, caches, directories)


def _named_by_user(policy: EnvironmentPolicy) -> set[str]:
    assigned = (*policy.user_set, *policy.file_values, *policy.set_values)
    return {*(name for name, _ in assigned), *policy.user_pass, *policy.pass_names}


def _repository(plan: Plan) -> str:
    start = plan.start
    if start.common_dir is None:
        return plan.key.project
    return repository_name(read_origin(start.common_dir), os.fspath(start.top or start.common_dir))


def build_run_environment(
    plan: Plan, routing: Routing, workdir: Path, thread: str | None, temporary: str
) -> ChildEnvironment:
    """Build the agent's whole environment.

    :param thread: the thread to be resumed, or None.
    :param temporary: the run's temp directory.
    """
    ours = _run_variables(plan, workdir, thread, temporary)
    trusted = _trusted(plan, workdir, _named_by_user(routing.policy))
    required = {**ours, **trusted, **routing.caches, **routing.cargo.variables}
    return build_environment(plan.request.environ, routing.policy, required, routing.cargo.removed)


def _trusted(plan: Plan, workdir: Path, theirs: set[str]) -> Mapping[str, str]:
    """Return what makes the agent's git work where the caller's does, whoever owns that.

    A workdir of ours that another user owns, or whose repository another user owns and the
    caller's git trusts, is trusted too.
    """
    mine = plan.workdir.kind in (WorkdirKind.WORKTREE, WorkdirKind.PLAIN)
    places = (workdir, workdir / ".git", plan.workdir.repo or workdir) if mine else ()
    strange = any(not _is_trusted(place) for place in places)
    found = trusted_directories(plan.request.environ, [os.fspath(workdir)] if strange else [])
    return {name: value for name, value in found.items() if name not in theirs}


def _is_trusted(place: Path) -> bool:
    try:
        return git_trusts(os.lstat(place).st_uid)
    except OSError:
        return True  # nothing is there yet


def _run_variables(
    plan: Plan, workdir: Path, thread: str | None, temporary: str
) -> Mapping[str, str]:
    variables = {
        RUN_ID_VARIABLE: plan.run_id,
        "CODEXLAB_RUN_ISSUE": plan.key.issue,
        "CODEXLAB_RUN_PROJECT": plan.key.project,
        "CODEXLAB_RUN_WORKDIR": os.fspath(workdir),
        "CODEX_HOME": os.fspath(plan.paths.codex_home),
        "PWD": os.fspath(workdir),
        **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), temporary),
        **git_as_home_owner(),
    }
    if thread is not None:
        variables["CODEXLAB_RUN_THREAD"] = thread
    # The directory holds the files of this task, so without any it goes.
    if plan.request.context:
        variables["CODEXLAB_RUN_CONTEXT"] = os.fspath(plan.paths.context)
    return variables
