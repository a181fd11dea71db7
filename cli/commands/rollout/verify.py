"""``codexlab rollout verify``: report defects of a store, and mend them with --repair."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ....rollout.maintenance.findings import Finding, Problem
from ....rollout.maintenance.repair import repair
from ....rollout.maintenance.verify import verify_rollout, verify_store
from ....rollout.operations.handle import StoreHandle
from ...transcripts.named import name_rollouts
from ...transcripts.options import home_option, json_option
from ...transcripts.results import show_results, write_json
from ...ui.terminal import one_line


@click.command("verify")
@home_option
@click.argument("rollouts", nargs=-1, metavar="[THREAD|PATH]...")
@click.option("--repair", "mend", is_flag=True, help="First repair the whole store after a crash.")
@click.option("--dry-run", is_flag=True, help="With --repair: print the repairs, change nothing.")
@json_option
def verify_command(
    home: str, rollouts: tuple[str, ...], mend: bool, dry_run: bool, as_json: bool
) -> int:
    """Check these rollouts, or the whole store: frames, lines, ordinals, both forms.

    Exits with 1 when something needs attention. Nothing is changed without --repair.
    """
    if dry_run and not mend:
        raise click.UsageError("--dry-run goes with --repair; without it nothing is changed")
    places = StoreHandle(home)
    if mend:
        show_results(repair(places, dry_run=dry_run), as_json=as_json)
    bad = unchecked = 0
    for finding in _findings(places, rollouts):
        bad += not finding.is_harmless
        unchecked += finding.problem is Problem.TOO_LONG
        _show_finding(finding, as_json=as_json)
    if not as_json:
        click.echo(_verdict(bad, unchecked), err=True)
    return 1 if bad else 0


def _verdict(bad: int, unchecked: int) -> str:
    lines = "1 line was" if unchecked == 1 else f"{unchecked} lines were"
    but = f"; {lines} too long to be checked" if unchecked else ""
    return (f"{bad} to look at" if bad else "all is well") + but


def _findings(places: StoreHandle, rollouts: tuple[str, ...]) -> Iterator[Finding]:
    for rollout in name_rollouts(places, rollouts):
        yield from verify_rollout(rollout)
    if not rollouts:
        yield from verify_store(places)


def _show_finding(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "path": finding.path,
                "line": finding.line,
                "problem": finding.problem,
                "detail": finding.detail or None,
                "harmless": finding.is_harmless,
            }
        )
        return
    where = f":{finding.line}" if finding.line else ""
    detail = f": {one_line(finding.detail)}" if finding.detail else ""
    note = " (harmless)" if finding.is_harmless else ""
    click.echo(f"{one_line(finding.path)}{where}: {finding.problem}{detail}{note}")
