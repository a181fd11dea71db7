"""``codexlab artifacts``: where build output goes, what lies there, and what may go."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ....env.artifacts.candidates import Category
from ....env.artifacts.clean import CleanOptions, append_receipt, apply_clean, plan_clean
from ....env.artifacts.exports import Shell, choose_shell, render_exports
from ....env.artifacts.routes import find_sccache, pnpm_major, shell_exports
from ....env.artifacts.setup import apply_setup, plan_setup
from ....env.artifacts.sizes import Deadline
from ....env.artifacts.status import collect_status
from ....env.cargo import parse_scope
from ....env.targets.layout import below
from ....env.targets.root_dirs import make_below_root
from ...ui.literal_types import DURATION, SECONDS
from ...ui.non_empty import NON_EMPTY_TEXT
from ...ui.terminal import on_one_line
from .options import json_option, key_option, root_option, scope_option
from .output import (
    dump,
    headline,
    print_findings,
    setup_document,
    setup_lines,
    size_or_state,
    table,
)
from .standing import NoRepository, resolve_key, stand

_OVERRIDES = ("CARGO_TARGET_DIR", "CODEX_LAB_CARGO_TARGET_DIR")


@click.group()
def artifacts() -> None:
    """Show, route and clean build output below one artifact root."""


@artifacts.command("env")
@root_option
@scope_option
@key_option
@json_option
@click.option(
    "--shell", type=NON_EMPTY_TEXT, metavar="|".join(Shell), help="Default: as $SHELL says."
)
@click.option("--sccache", is_flag=True, help="Route rustc through sccache, when installed.")
@click.option("--no-mkdir", is_flag=True, help="Print only; make no directory.")
def environment(
    root: str | None,
    scope: str,
    key: str | None,
    as_json: bool,
    shell: str | None,
    sccache: bool,
    no_mkdir: bool,
) -> None:
    """Print exports to source: eval "$(codexlab artifacts env)"."""
    standing = stand(root)
    layout = standing.layout
    program = find_sccache(os.environ)
    checked = parse_scope(scope)
    exports = shell_exports(
        layout,
        checked,
        resolve_key(standing, checked, key),
        sccache=program,
        want_sccache=sccache,
        pnpm=pnpm_major(os.environ),
    )
    for warning in exports.warnings:
        click.echo(on_one_line(f"codexlab: {warning}"), err=True)
    chosen = choose_shell(shell, os.environ.get("SHELL", ""))
    text = render_exports(chosen, exports.variables, exports.removed)
    if not no_mkdir:
        for directory in exports.directories:
            make_below_root(standing.root, below(layout.root, directory))
    if as_json:
        text = dump({"set": exports.variables, "unset": sorted(exports.removed)})
    click.echo(text, nl=False)


@artifacts.command("target-dir")
@root_option
@scope_option
@key_option
def target_dir(root: str | None, scope: str, key: str | None) -> None:
    """Print where cargo builds under a scope."""
    standing = stand(root)
    for name in _OVERRIDES:
        if os.environ.get(name):
            click.echo(
                f"codexlab: {name} is set here and overrides the route until unset", err=True
            )
    checked = parse_scope(scope)
    resolved = resolve_key(standing, checked, key)
    if standing.root.path is not None:
        click.echo(standing.layout.target(checked, resolved))
        return
    if standing.root.fallback_reason:
        click.echo(
            on_one_line(f"codexlab: {standing.root.fallback_reason}; using the checkout"), err=True
        )
    top = standing.repository.top if standing.repository else Path.cwd()
    click.echo(top / "target")


@artifacts.command()
@root_option
@json_option
@click.option(
    "--seconds",
    default=5.0,
    show_default=True,
    type=SECONDS,
    help="Limit for measuring sizes.",
)
@click.option("--remote", is_flag=True, help="Ask the remote compile host and GitHub too.")
def status(root: str | None, as_json: bool, seconds: float, remote: bool) -> None:
    """Report each category: its path, size and route.

    It also shows the reason, the owner and the users of each.
    """
    standing = stand(root)
    report = collect_status(
        standing.root, standing.repository, standing.host, os.environ, seconds, remote=remote
    )
    if as_json:
        click.echo(dump(report.as_json()), nl=False)
        return
    click.echo(headline(report))
    rows = [
        (
            *(r.category, r.name, size_or_state(r.bytes, r.state), r.live or ""),
            *(r.owner or "", r.path or "-", r.route, r.why),
        )
        for r in report.rows
    ]
    table(("CATEGORY", "NAME", "SIZE", "STATE", "OWNER", "PATH", "ROUTE", "WHY"), rows)


@artifacts.command()
@root_option
@json_option
@click.option("--apply", "applies", is_flag=True, help="Write. Without it: only list.")
def setup(root: str | None, as_json: bool, applies: bool) -> None:
    """Write user.bazelrc here, make the cache directories.

    git ignores this file of the working tree.
    """
    standing = stand(root)
    if standing.repository is None:
        raise NoRepository(Path.cwd())
    plan = plan_setup(standing.root, standing.layout, standing.repository)
    backup = apply_setup(plan) if applies else None
    if as_json:
        click.echo(dump(setup_document(plan, applied=applies, backup=backup)), nl=False)
        return
    for line in setup_lines(plan, applied=applies, backup=backup):
        click.echo(on_one_line(line))


@artifacts.command()
@root_option
@json_option
@click.option("--apply", "applies", is_flag=True, help="Remove. Without it: only list.")
@click.option(
    "--older-than",
    default="14d",
    show_default=True,
    metavar="DURATION",
    type=DURATION,
    help="Only output unused for this long; 0: all that is not in use.",
)
@click.option("--keep-cargo", is_flag=True, help="Keep every cargo target below the root.")
@click.option("--keep-exec-harness", is_flag=True, help="Keep the exec harness's output.")
@click.option("--keep-temp", is_flag=True, help="Keep temp directories.")
@click.option("--keep-worktree", is_flag=True, help="Keep build output in the working tree.")
@click.option("--all", "everything", is_flag=True, help="For every repository below the root.")
@click.option(
    "--seconds",
    default=60.0,
    show_default=True,
    type=SECONDS,
    help="Limit for measuring ages.",
)
def clean(
    root: str | None,
    as_json: bool,
    applies: bool,
    older_than: float,
    keep_cargo: bool,
    keep_exec_harness: bool,
    keep_temp: bool,
    keep_worktree: bool,
    everything: bool,
    seconds: float,
) -> None:
    """Remove old output that a build makes again.

    By default it is a dry run.
    """
    flags: dict[Category, bool] = {
        Category.CARGO: keep_cargo,
        Category.EXEC_HARNESS: keep_exec_harness,
        Category.TEMP: keep_temp,
        Category.WORKTREE: keep_worktree,
    }
    kept: frozenset[Category] = frozenset(name for name, keep in flags.items() if keep)
    options = CleanOptions(older_than, kept, everything)
    standing = stand(root)
    if standing.root.fallback_reason:
        click.echo(on_one_line(f"codexlab: {standing.root.fallback_reason}; left alone"), err=True)
    findings = plan_clean(
        standing.root if standing.root.path else None,
        standing.repository,
        options,
        Deadline(seconds),
    )
    if applies:
        receipts = _receipts_file()
        findings = apply_clean(findings, options, lambda receipt: append_receipt(receipts, receipt))
    if as_json:
        document = {"v": 1, "applied": applies, "findings": [f.receipt() for f in findings]}
        click.echo(dump(document), nl=False)
        return
    print_findings(findings, applied=applies)


def _receipts_file() -> Path:
    from platformdirs import user_state_path

    return user_state_path("codexlab") / "artifacts-clean.ndjson"
