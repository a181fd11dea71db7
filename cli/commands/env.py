"""``codexlab env``: the variables of this environment that an agent would see, and why."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import click

from ...agents.registry import adapter_of
from ...env.artifacts.exports import Shell, choose_shell, render_exports
from ...env.policy.build import RULES, tool_shell_excludes
from ...env.policy.documentation import rule_table
from ...env.policy.values import ChildEnvironment, EnvironmentPolicy, ReceiptAction
from ...supervisor.plan import plan_run
from ...supervisor.prepare.expected import expect_environment
from ...supervisor.request import LaunchRequest
from ...supervisor.run.closing_lines import describe_left_behind
from ...workspace.claim.threads import read_threads
from ...workspace.codex_config.file import foresee_config
from ...workspace.git.view import passing_views
from ..launch.flags import read_invocation
from ..ui.non_empty import NON_EMPTY_TEXT
from ..ui.terminal import on_one_line

_launch_arguments = click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
_as_launch = {"ignore_unknown_options": True, "allow_interspersed_args": True}


@click.group()
def env() -> None:
    """Show the variables of this environment that an agent sees, and why."""


@env.command(context_settings=_as_launch)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_launch_arguments
def explain(arguments: Sequence[str], as_json: bool) -> None:
    """Print each variable, its rule, and whether it passes. Values are not shown.

    It takes the flags of codexlab-run and an optional -- COMMAND, and decides as that launch would:
    codexlab env explain --pass 'ACME_*' -- codex exec
    """
    policy, child = _decide(_request(arguments))
    if as_json:
        click.echo(json.dumps(_document(policy, child)))
        return
    shown = [on_one_line(verdict.name) for verdict in child.receipt]
    width = max(map(len, shown), default=0)
    for verdict, name in zip(child.receipt, shown, strict=True):
        click.echo(f"{verdict.action:<7}  {name:<{width}}  {verdict.rule}")
    excluded = tool_shell_excludes(policy)
    if excluded and adapter_of(policy.agent).hides_keys_from_tools:
        click.echo(f"kept out of codex's own tool shells: {' '.join(excluded)}", err=True)


@env.command()
def rules() -> None:
    """Print every rule and all names in the rules, as Markdown."""
    click.echo(rule_table(), nl=False)


@env.command("print", context_settings=_as_launch)
@click.option(
    "--shell", type=NON_EMPTY_TEXT, metavar="|".join(Shell), help="Default: as $SHELL says."
)
@click.option("-0", "--null", "null", is_flag=True, help="NAME=VALUE with NUL ends, for env -i.")
@_launch_arguments
def print_environment(arguments: Sequence[str], shell: str | None, null: bool) -> None:
    """Print the environment itself with its values, for a shell.

    Variables that exist only in a run (its id, workdir, codex-home, temp directory and cargo key)
    are left out. It takes the flags of codexlab-run and an optional -- COMMAND.
    """
    _, child = _decide(_request(arguments))
    values = {
        verdict.name: child.values[verdict.name]
        for verdict in child.receipt
        if verdict.action is not ReceiptAction.DROPPED and verdict.rule != "codexlab"
    }
    if null:
        lines = (os.fsencode(f"{name}={value}") + b"\0" for name, value in sorted(values.items()))
        sys.stdout.buffer.write(b"".join(lines))
        return
    chosen = choose_shell(shell, os.environ.get("SHELL", ""))
    text = render_exports(chosen, values, ())
    sys.stdout.buffer.write(os.fsencode(text))


def _request(arguments: Sequence[str]) -> LaunchRequest:
    """Read flags and settings as a launch does; a missing issue or command is made up."""
    argv = ["--issue", "none", *arguments]
    if "--" not in argv:
        argv += ["--", "generic"]
    invocation = read_invocation(argv, os.environ)
    if isinstance(invocation, int):
        raise click.exceptions.Exit(invocation)
    return invocation.request


def _decide(request: LaunchRequest) -> tuple[EnvironmentPolicy, ChildEnvironment]:
    """Decide by the functions of the launch itself.

    :raises CodexlabError: the launch would fail with the same error.
    """
    with passing_views():
        plan = plan_run(request)
    expected = expect_environment(plan, read_threads(plan.paths))
    notes = (
        expected.routing.artifacts.fallback_reason,
        describe_left_behind(expected.environment),
        *foresee_config(request.shared_home),
    )
    for note in filter(None, notes):
        click.echo(on_one_line(f"codexlab: {note}"), err=True)
    return expected.routing.policy, expected.environment


def _document(policy: EnvironmentPolicy, child: ChildEnvironment) -> dict[str, object]:
    return {
        "v": 1,
        "agent": policy.agent,
        "receipt": [
            {"name": verdict.name, "action": verdict.action, "rule": verdict.rule}
            for verdict in child.receipt
        ],
        "tool_shell_excludes": list(tool_shell_excludes(policy)),
        "rules": RULES,
    }
