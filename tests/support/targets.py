"""Targets that look unused, and cleanups of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from codexlab.env.artifacts.candidates import JudgedCandidate
from codexlab.env.artifacts.clean import CleanOptions, apply_clean, plan_clean
from codexlab.env.artifacts.repository import find_repository
from codexlab.env.artifacts.sizes import Deadline

OLD = 30 * 86400
EVERYTHING = CleanOptions(older_than=0, every_repository=True)


def age(path: Path, seconds: float = OLD) -> None:
    """Let a whole tree look unused for so long."""
    moment = time.time() - seconds
    for place in [*path.rglob("*"), path]:
        os.utime(place, (moment, moment), follow_symlinks=False)


def make_target(root: Path, key: str = "k-1", repo: str = "app", old: float = OLD) -> Path:
    """Make a target of 10,000 bytes, unused for ``old`` seconds."""
    target = root / "local" / repo / "worktrees" / key / "cargo-target" / "host"
    (target / "debug" / "deps").mkdir(parents=True)
    (target / "debug" / "deps" / "libx.rlib").write_bytes(bytes(10_000))
    age(target, old)
    return target


def plan(root: Path, options: CleanOptions, checkout: Path | None = None) -> list[JudgedCandidate]:
    """Plan a cleanup of this root."""
    repository = find_repository(checkout) if checkout else None
    return plan_clean(root, repository, options, Deadline(30))


def verdicts(findings: list[JudgedCandidate]) -> dict[str, str]:
    """Return each candidate's verdict by its path."""
    return {str(finding.candidate.path): finding.verdict for finding in findings}


def clean(root: Path, options: CleanOptions, checkout: Path | None = None) -> dict[str, str]:
    """Plan and clean; return what became of each candidate."""
    return verdicts(apply_clean(plan(root, options, checkout), options, lambda _: None))


def snapshot(root: Path) -> set[str]:
    """Return every path below ``root``, relative to it."""
    return {str(path.relative_to(root)) for path in root.rglob("*")}
