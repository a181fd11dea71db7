"""A launch explained and not carried out: the whole of ``--dry-run``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...agents.adapter import expand_resume
from ...agents.network import Network
from ...agents.registry import adapter_of
from ...env.policy.values import ChildEnvironment, ReceiptAction
from ...kernel.files.held_locks import flock_holders
from ...workspace.claim.threads import known_cargo_key, read_threads
from ...workspace.codex_config.file import foresee_config, foresee_network
from ...workspace.workdir.after_create import owes_after_create
from ..lifecycle.ladder import Ladder
from ..plan import Plan
from ..request import LAUNCH_HOOKS, LaunchRequest
from .command import needs_workdir, resolve_command
from .expected import expect_environment
from .network import asked_network, contradiction, network_fields, network_of
from .start_directory import StartDirectory, find_start


def describe_plan(plan: Plan) -> dict[str, Any]:
    """Return what a launch would do; values of variables are left out.

    Reads only, the lock's state from ``/proc/locks`` included: a trial lock could
    make a real launch find the workspace busy.
    """
    threads = read_threads(plan.paths)
    expected = expect_environment(plan, threads)
    routing, environment, thread = expected.routing, expected.environment, expected.thread
    agent = adapter_of(plan.agent)
    argv = expand_resume(plan.request.command, agent, thread)
    start = _foresee_start(plan)
    network = _foresee_network(plan, start)
    trouble = agent.foresee_trouble(plan.request.command, plan.paths.codex_home)
    return {
        "argv": list(argv),
        "executable": _executable(plan, environment, start),
        "terminal": plan.request.terminal,
        "agent": plan.agent,
        "project": plan.key.project,
        "issue": plan.key.issue,
        "workspace": os.fspath(plan.paths.root),
        "workdir": {
            "path": os.fspath(plan.workdir.path),
            "kind": plan.workdir.kind,
            "created": plan.workdir.created,
            "branch": plan.workdir.branch,
            "base": plan.workdir.base,
        },
        "cwd": start.path,
        "codex_home": os.fspath(plan.paths.codex_home),
        "shared_home": os.fspath(plan.request.shared_home),
        **network_fields(network),
        "thread": thread,
        "cargo": {
            "scope": plan.request.cargo_scope,
            "key": known_cargo_key(plan.paths),
            "target": routing.cargo.target_dir and os.fspath(routing.cargo.target_dir),
            "fallback": routing.artifacts.fallback_reason,
        },
        "environment": {
            action: list(environment.names(action))
            for action in (ReceiptAction.KEPT, ReceiptAction.SET, ReceiptAction.DROPPED)
        },
        "hooks": _describe_hooks(plan),
        "limits": _describe_limits(plan.request),
        "retries": {"retries": plan.request.retries, "retry_on": list(plan.request.retry_on)},
        "lock": {"path": os.fspath(plan.paths.lock), "held_by": flock_holders(plan.paths.lock)},
        "ladder": _describe_ladder(plan.ladder),
        "notes": [
            *plan.workdir.notes,
            *foresee_config(plan.request.shared_home),
            *filter(None, [start.note, contradiction(plan, network), trouble]),
        ],
    }


def _foresee_network(plan: Plan, start: StartDirectory) -> Network | None:
    if not adapter_of(plan.agent).takes_network:
        return None
    configured = foresee_network(plan.paths, plan.request.shared_home, asked_network(plan))
    # A worktree that is not made yet is foreseen by the checkout that it is made from.
    made_from = (plan.start.top or plan.request.cwd) / plan.below
    return network_of(plan, configured, made_from if plan.workdir.created else Path(start.path))


def _describe_limits(request: LaunchRequest) -> dict[str, Any]:
    """Return every limit, by its field's name; None where there is none."""
    wait = "forever" if request.wait is None else request.wait
    return {
        "timeout": request.timeout,
        "idle_timeout": request.idle_timeout,
        "memory_max": request.memory_max,
        "pids_max": request.pids_max,
        "cpu_max": request.cpu_max,
        "grace": request.grace,
        "containment": request.containment,
        "wait": wait,
        "log_max_bytes": request.log_max_bytes,
    }


def _describe_hooks(plan: Plan) -> dict[str, Any]:
    """Return the hooks that would run, in order, and their limit."""
    commands = plan.request.hooks
    hooks: dict[str, Any] = {
        name: command if isinstance(command := commands[name], str) else list(command)
        for name in LAUNCH_HOOKS
        if name in commands
        and (name != "after_create" or owes_after_create(plan.paths, plan.workdir))
    }
    return {**hooks, "timeout": plan.request.hook_timeout} if hooks else {}


def _foresee_start(plan: Plan) -> StartDirectory:
    """Return where the agent would start; of a workdir still to be made, what was asked for."""
    if plan.workdir.created:
        return StartDirectory(os.fspath(plan.workdir.path), plan.below)
    return find_start(plan.workdir.path, plan.below)


def _executable(plan: Plan, environment: ChildEnvironment, start: StartDirectory) -> str:
    name = plan.request.command[0]
    if needs_workdir(name) and plan.workdir.created:
        return f"{name} (looked for once the workdir exists)"
    search_path = environment.values.get("PATH", os.defpath)
    return resolve_command(name, search_path, Path(start.path), environment.taken_out)


def _describe_ladder(ladder: Ladder) -> list[dict[str, Any]]:
    return [
        {
            "to": rung.target.value,
            "signal": "the one received, else SIGTERM"
            if rung.signum is None
            else _name(rung.signum),
            "then_wait": rung.wait,
        }
        for rung in ladder
    ]


def _name(signum: int) -> str:
    import signal

    return signal.Signals(signum).name
