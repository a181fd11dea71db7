"""Prepare the places of adversaries, send the probes out, read what they found."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.adversaries.cases import Case
from support.adversaries.probe import Errand
from support.commands import run_to_end
from support.places import private_places
from support.processes.leaks import own_cgroup
from support.users.unprivileged import Unprivileged, give

PROBE = Path(__file__).with_name("probe.py")
HOST = Path(__file__).with_name("embedding_host.py")
AT_ONCE = 3


def why_not(place: str) -> str:
    """Say why this place cannot be had here, or return an empty string."""
    if place in ("delegated", "nobody") and os.geteuid() != 0:
        return "only root can become somebody else"
    if place in ("cgroup", "delegated"):
        group = own_cgroup()
        if group is None or not os.access(group, os.W_OK):
            return "no cgroup v2 we may divide"
    return ""


def run_cases(
    cases: Iterable[Case], scratch: Path, environ: Mapping[str, str]
) -> dict[Case, dict[str, Any]]:
    """Run these cases, some at once; return what each probe found."""
    listed = list(cases)

    def run(case: Case) -> dict[str, Any]:
        return _run(case, scratch, environ)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(run, listed)
        return dict(zip(listed, results, strict=True))


def _run(case: Case, scratch: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    place = scratch / f"{case.adversary}-{case.place}-{case.ending}-{case.api}"
    unprivileged = case.place in ("delegated", "nobody")
    private = _private_places(place, give_away=unprivileged)
    prefix = Unprivileged(place / "home", {}).argv([]) if unprivileged else []
    with _own_group(case, prefix) as words:
        errand = Errand(
            case=case,
            program=_program(case),
            python=_python(unprivileged=unprivileged),
            prefix=words,
            environ={**environ, **private},
            place=str(place / "work"),
        )
        (place / "errand.json").write_text(errand.dump())
        done = run_to_end(
            [sys.executable, PROBE, place / "errand.json"],
            {**environ, "PYTHONPATH": str(PROBE.parents[2])},
        )
    if done.returncode != 0:
        stderr = (place / "work" / "stderr").read_text(errors="replace")[-2000:]
        raise AssertionError(f"{case}: {done.returncode} {done.stderr}\n{stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _program(case: Case) -> list[str]:
    if case.api == "embedded":
        return [sys.executable, str(HOST)]
    return [str(Path(sys.executable).with_name("codexlab-run"))]


def _python(*, unprivileged: bool) -> str:
    """Return an interpreter the run's user can execute: ours may lie in a private home."""
    return (unprivileged and shutil.which("python3", path="/usr/bin:/bin")) or sys.executable


def _private_places(place: Path, *, give_away: bool) -> dict[str, str]:
    place.mkdir(mode=0o755)
    for name in ("home", "run", "work", "ws"):
        (place / name).mkdir(mode=0o700)
        if give_away:
            give(place / name)
    home = place / "home"
    own = private_places(home, runtime=place / "run", temporary=place / "run")
    agents = {"CODEX_HOME": str(home / ".codex"), "CODEXLAB_WORKSPACES_ROOT": str(place / "ws")}
    return {**own, **agents}


@contextmanager
def _own_group(case: Case, prefix: list[str]) -> Generator[list[str]]:
    """Let the run start in a cgroup of its own, given to its user as in a delegation.

    Of its own, because an adversary that makes groups threaded spoils the parent
    for every sibling (cgroups(7)).
    """
    home = own_cgroup()
    if case.place not in ("cgroup", "delegated") or home is None:
        yield prefix
        return
    group = home / f"{case.place}-{case.adversary}-{case.ending}-{case.api}"
    group.mkdir()
    if case.place == "delegated":
        for path in (group, group / "cgroup.procs", group / "cgroup.subtree_control"):
            give(path)
    try:
        yield ["sh", "-c", f'echo 0 >{group}/cgroup.procs && exec "$@"', "sh", *prefix]
    finally:
        left = [str(path) for path in group.iterdir() if path.is_dir()]
        if left:
            raise AssertionError(f"{case}: cgroups left: {left}")
        group.rmdir()
