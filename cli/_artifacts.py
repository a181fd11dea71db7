"""``codexlab artifacts``: where build output goes, what lies there, and what may go."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ..env import (
    ARTIFACT_ROOT_VARIABLE,
    CARGO_SCOPES,
    ArtifactRoot,
    host_triple,
    open_artifact_root,
    parse_scope,
    safe_cargo_key,
    targets,
)
from ..env import artifacts as store
from ..kernel import CallerError
from ._literals import parse_duration

_OVERRIDES = ("CARGO_TARGET_DIR", "CODEX_LAB_CARGO_TARGET_DIR")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the person stands: which root, which repository, which host."""

    root: ArtifactRoot
    repository: store.Repository | None
    host: str

    @property
    def layout(self) -> targets.Layout:
        """Return the places below the root.

        :raises RootUnusable: there is none.
        """
        if self.root.path is None:
            raise targets.RootUnusable(
                self.root.fallback_reason or f"{ARTIFACT_ROOT_VARIABLE} is not set"
            )
        name = self.repository.name if self.repository else "codex-lab"
        return targets.Layout(self.root.path, name, self.host)


def _stand(root: str | None) -> Standing:
    from platformdirs import user_cache_path

    environment = {**os.environ, **({ARTIFACT_ROOT_VARIABLE: root} if root else {})}
    host = host_triple(user_cache_path("codexlab"), os.environ)
    return Standing(open_artifact_root(environment), store.find_repository(Path.cwd()), host)


_root = click.option(
    "--root", metavar="DIR", help=f"The artifact root; default {ARTIFACT_ROOT_VARIABLE}."
)
_scope = click.option(
    "--scope",
    default="shared",
    show_default=True,
    metavar="|".join(CARGO_SCOPES[:-1]),
    help="Who shares one cargo target.",
)
_key = click.option("--key", metavar="KEY", help="Key of the scopes worktree and agent.")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


def _age(context: click.Context, parameter: click.Parameter, text: str) -> float:
    del context, parameter
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}, not {text!r}") from None


@click.group()
def artifacts() -> None:
    """Build output below one artifact root: routes, status, cleaning."""


@artifacts.command("env")
@_root
@_scope
@_key
@_json
@click.option("--shell", metavar="|".join(store.SHELLS), help="Default: as $SHELL says.")
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
    standing = _stand(root)
    layout = standing.layout
    program = store.find_sccache(os.environ)
    exports = store.shell_exports(
        layout,
        parse_scope(scope),
        _resolve_key(standing, scope, key),
        sccache=program,
        want_sccache=sccache,
        pnpm=store.pnpm_major(os.environ),
    )
    for warning in exports.warnings:
        click.echo(f"codexlab: {warning}", err=True)
    chosen = shell or store.shell_of(os.environ.get("SHELL", ""))
    text = store.render_exports(chosen, exports.variables, exports.removed)
    if not no_mkdir:
        for directory in exports.directories:
            targets.make_below_root(standing.root, targets.below(layout.root, directory))
    if as_json:
        text = _dump({"set": exports.variables, "unset": sorted(exports.removed)})
    click.echo(text, nl=False)


@artifacts.command("target-dir")
@_root
@_scope
@_key
def target_dir(root: str | None, scope: str, key: str | None) -> None:
    """Print where cargo builds under a scope."""
    standing = _stand(root)
    for name in _OVERRIDES:
        if os.environ.get(name):
            click.echo(
                f"codexlab: {name} is set here and overrides the route until unset", err=True
            )
    resolved = _resolve_key(standing, scope, key)
    if standing.root.path is not None:
        click.echo(standing.layout.target(parse_scope(scope), resolved))
        return
    if standing.root.fallback_reason:
        click.echo(f"codexlab: {standing.root.fallback_reason}; using the checkout", err=True)
    top = standing.repository.top if standing.repository else Path.cwd()
    click.echo(top / "target")


@artifacts.command()
@_root
@_json
@click.option("--seconds", default=5.0, show_default=True, help="Time for measuring sizes.")
@click.option("--remote", is_flag=True, help="Ask the remote compile host and GitHub too.")
def status(root: str | None, as_json: bool, seconds: float, remote: bool) -> None:
    """Report every category: path, size, route and why, owner and liveness."""
    standing = _stand(root)
    report = store.collect_status(
        standing.root, standing.repository, standing.host, os.environ, seconds, remote=remote
    )
    if as_json:
        click.echo(_dump(report.as_json()), nl=False)
        return
    click.echo(_headline(report))
    rows = [
        (r.category, r.name, _size(r.bytes, r.state), r.live or "", r.owner or "", r.path or "-", r.route, r.why)
        for r in report.rows
    ]  # fmt: skip
    _table(("CATEGORY", "NAME", "SIZE", "STATE", "OWNER", "PATH", "ROUTE", "WHY"), rows)


@artifacts.command()
@_root
@_json
@click.option("--apply", "applies", is_flag=True, help="Write; without it only say what.")
def setup(root: str | None, as_json: bool, applies: bool) -> None:
    """Write the ignored user.bazelrc of this working tree and make the cache directories."""
    standing = _stand(root)
    if standing.repository is None:
        raise NoRepository(Path.cwd())
    plan = store.plan_setup(standing.root, standing.layout, standing.repository)
    backup = store.apply_setup(plan) if applies else None
    if as_json:
        click.echo(_dump(_setup_document(plan, applied=applies, backup=backup)), nl=False)
        return
    for line in _setup_lines(plan, applied=applies, backup=backup):
        click.echo(line)


@artifacts.command()
@_root
@_json
@click.option("--apply", "applies", is_flag=True, help="Remove; without it only say what.")
@click.option(
    "--older-than",
    default="14d",
    show_default=True,
    metavar="DURATION",
    callback=_age,
    help="Only what nobody used for this long; 0 for everything not in use.",
)
@click.option("--keep-cargo", is_flag=True, help="Keep every cargo target below the root.")
@click.option("--keep-exec-harness", is_flag=True, help="Keep the exec harness's output.")
@click.option("--keep-temp", is_flag=True, help="Keep temp directories.")
@click.option("--keep-worktree", is_flag=True, help="Keep build output in the working tree.")
@click.option("--all", "everything", is_flag=True, help="Of every repository below the root.")
@click.option("--seconds", default=60.0, show_default=True, help="Time for measuring ages.")
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
    """Remove what a build makes again and nobody used for long; a dry run by default."""
    flags: dict[store.Category, bool] = {
        "cargo": keep_cargo,
        "exec-harness": keep_exec_harness,
        "temp": keep_temp,
        "worktree": keep_worktree,
    }
    kept: frozenset[store.Category] = frozenset(name for name, keep in flags.items() if keep)
    options = store.CleanOptions(older_than, kept, everything)
    standing = _stand(root)
    if standing.root.fallback_reason:
        click.echo(f"codexlab: {standing.root.fallback_reason}; left alone", err=True)
    findings = store.plan_clean(
        standing.root if standing.root.path else None,
        standing.repository,
        options,
        store.Deadline(seconds),
    )
    if applies:
        receipts = _receipts_file()
        findings = store.apply_clean(
            findings, options, lambda receipt: store.append_receipt(receipts, receipt)
        )
    if as_json:
        document = {"v": 1, "applied": applies, "findings": [f.receipt() for f in findings]}
        click.echo(_dump(document), nl=False)
        return
    _print_findings(findings, applied=applies)


class NoRepository(CallerError):
    """The command needs a git working tree."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"{directory}: not in a git working tree; run it inside one")


class NoKey(CallerError):
    """A scope that needs a key got none."""

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"scope {scope}: no key; give --key, or run it inside a git working tree")


def _resolve_key(standing: Standing, scope: str, key: str | None) -> str:
    """Return the key as a path component: given, else codex-lab's own for a worktree."""
    if parse_scope(scope) == "shared":
        return ""
    if key is not None:
        return safe_cargo_key(key)
    inherited = os.environ.get("CODEX_LAB_CARGO_TARGET_KEY")
    if inherited:
        return safe_cargo_key(inherited)
    if scope == "worktree" and standing.repository is not None:
        return safe_cargo_key(store.worktree_key(standing.repository))
    raise NoKey(scope)


def _receipts_file() -> Path:
    from platformdirs import user_state_path

    return user_state_path("codexlab") / "artifacts-clean.ndjson"


def _setup_document(
    plan: store.SetupPlan, *, applied: bool, backup: Path | None
) -> dict[str, object]:
    return {
        "v": 1,
        "applied": applied,
        "directories": [str(path) for path in plan.directories],
        "bazelrc": str(plan.rc),
        "content": plan.rc_text,
        "exclude": plan.exclude and str(plan.exclude),
        "backup": backup and str(backup),
        "notes": list(plan.notes),
    }


def _setup_lines(plan: store.SetupPlan, *, applied: bool, backup: Path | None) -> Iterable[str]:
    did = ("made", "wrote", "added") if applied else ("would make", "would write", "would add")
    for path in plan.directories:
        yield f"{did[0]} {path}"
    if plan.exclude:
        yield f"{did[2]} /user.bazelrc to {plan.exclude}"
    if plan.rc_text is not None:
        yield f"{did[1]} {plan.rc}"
        if not applied:
            yield from (f"  {line}" for line in plan.rc_text.splitlines())
    if backup:
        yield f"kept the previous one as {backup}"
    if not plan.changes:
        yield "nothing to do"
    yield from (f"note: {note}" for note in plan.notes)
    yield 'for a shell: eval "$(codexlab artifacts env)"'


def _print_findings(findings: Sequence[store.Finding], *, applied: bool) -> None:
    rows = [
        (
            finding.verdict,
            _size(finding.size.allocated, finding.size.state),
            "?" if finding.age is None else f"{finding.age / 86400:.1f}d",
            f"{finding.owner.project}#{finding.owner.issue}" if finding.owner else "",
            str(finding.candidate.path),
            finding.reason,
        )
        for finding in findings
    ]
    _table(("VERDICT", "SIZE", "AGE", "OWNER", "PATH", "REASON"), rows)
    if not applied and any(f.verdict in ("remove", "leftover") for f in findings):
        click.echo("nothing was removed; --apply removes", err=True)


def _headline(report: store.Status) -> str:
    if report.root is None:
        return f"artifact root: {report.fallback_reason or 'not configured'}"
    free = f"{_bytes(report.free_bytes or 0)} and {report.free_inodes} inodes free"
    volume = report.volume[0] if report.volume else "unknown"
    return f"artifact root: {report.root} (volume {volume}, {free})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, never cut: paths are there to be copied."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _size(count: int | None, state: str) -> str:
    if count is None:
        return state
    return {"partial": ">", "unreadable": ">"}.get(state, "") + _bytes(count)


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "K", "M", "G"):
        if size < 1024:
            return f"{size:.0f}{unit}" if unit == "B" else f"{size:.1f}{unit}"
        size /= 1024
    return f"{size:.1f}T"


def _dump(document: object) -> str:
    indent = 2 if sys.stdout.isatty() else None
    return json.dumps(document, indent=indent) + "\n"
