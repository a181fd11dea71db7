"""``codexlab artifacts clean``: judge every candidate, then remove those that may go."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...kernel.files.home_owner import make_private_directory
from ..targets.building import cargo_builds_in
from ..targets.errors import RootUnusable, TargetBusy, TargetPathRefused
from ..targets.index import TargetOwner, forget_owner, read_owner
from ..targets.layout import BOOKS
from ..targets.leases import drop_lease_file, is_leased, lease_target
from ..targets.root_dirs import Root, path_of
from .candidates import Candidate, Category, Decision, JudgedCandidate, find_candidates
from .quarantine import empty_quarantine, quarantine, quarantined, remove_empty_parents
from .repository import Repository
from .sizes import Deadline, Measure, SizeState, measure_tree

DEFAULT_AGE = 14 * 86400.0
QUARANTINE = (*BOOKS, "quarantine")
# Seconds to look for repositories once more in a tree, just before it is removed.
_LOOK_AGAIN = 60.0
_IN_TREE_QUARANTINE = ("codexlab-quarantine",)


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """The candidates that may go.

    :param older_than: seconds without a sign of use.
    :param keep: categories that stay at any age.
    :param every_repository: also clean those that are not around the working tree.
    """

    older_than: float = DEFAULT_AGE
    keep: frozenset[Category] = frozenset()
    every_repository: bool = False


def plan_clean(
    root: Root | None, repository: Repository | None, options: CleanOptions, deadline: Deadline
) -> list[JudgedCandidate]:
    """Judge every candidate. Changes nothing.

    :param root: the artifact root, when it is usable.
    :param deadline: for measuring; a candidate that was not measured in time has no known age.
    """
    candidates = find_candidates(root, repository, every_repository=options.every_repository)
    leftovers = _leftovers(root, repository, deadline)
    return leftovers + [_judge(candidate, options, deadline) for candidate in candidates]


def apply_clean(
    findings: list[JudgedCandidate],
    options: CleanOptions,
    note: Callable[[dict[str, object]], None],
) -> list[JudgedCandidate]:
    """Remove the candidates that :func:`plan_clean` lets go, each judged once more under its lease.

    :param note: takes each receipt as soon as it is true.
    :returns: the findings as they are now.
    """
    done: list[JudgedCandidate] = []
    for finding in findings:
        after = (
            _remove(finding, options)
            if finding.verdict in (Decision.REMOVE, Decision.LEFTOVER)
            else finding
        )
        note(after.receipt())
        done.append(after)
    return done


def append_receipt(path: Path, receipt: dict[str, object]) -> None:
    """Append one line to a receipts file, in one write."""
    make_private_directory(path.parent)
    line = json.dumps({"ts": time.time(), **receipt}).encode() + b"\n"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, line)
    finally:
        os.close(fd)


def _leftovers(
    root: Root | None, repository: Repository | None, deadline: Deadline
) -> list[JudgedCandidate]:
    found: list[JudgedCandidate] = []
    stores: list[tuple[Root, tuple[str, ...]]] = [(root, QUARANTINE)] if root else []
    stores += [(repository.git_dir, _IN_TREE_QUARANTINE)] if repository else []
    for store, names in stores:
        for name in quarantined(store, names):
            candidate = Candidate(Category.TEMP, store, (*names, name))
            size = measure_tree(candidate.path, deadline)
            verdict, reason = _repository_in(size) or (
                Decision.LEFTOVER,
                "an interrupted cleanup left it",
            )
            found.append(JudgedCandidate(candidate, verdict, reason, size, None, None))
    return found


def _judge(candidate: Candidate, options: CleanOptions, deadline: Deadline) -> JudgedCandidate:
    size = measure_tree(candidate.path, deadline)
    owner = read_owner(candidate.base, candidate.path) if candidate.leased else None
    age = _age(size, owner)
    verdict, reason = _repository_in(size) or _decide(candidate, options, age)
    return JudgedCandidate(candidate, verdict, reason, size, age, owner)


def _repository_in(size: Measure) -> tuple[Decision, str] | None:
    """Return why a tree stays that holds a repository; None for other trees."""
    if size.repository is None:
        return None
    return Decision.KEEP, f"{size.repository} is a git repository; move it away if you need it"


def _repository_now(path: Path) -> tuple[Decision, str] | None:
    """Look once more, just before a tree goes; it stays if it cannot be looked through."""
    size = measure_tree(path, Deadline(_LOOK_AGAIN))
    if size.state in (SizeState.PARTIAL, SizeState.UNREADABLE):
        return Decision.KEEP, "it could not be looked through for git repositories"
    return _repository_in(size)


def _decide(candidate: Candidate, options: CleanOptions, age: float | None) -> tuple[Decision, str]:
    if candidate.category in options.keep:
        return Decision.KEEP, f"asked to keep {candidate.category}"
    if candidate.leased and is_leased(candidate.base, candidate.path):
        return Decision.IN_USE, "leased by a run"
    if cargo_builds_in(candidate.path):
        return Decision.IN_USE, "cargo is building in it"
    if options.older_than > 0 and age is None:
        return Decision.KEEP, "its age could not be measured in time"
    if age is not None and age < options.older_than:
        return Decision.KEEP, "used too recently"
    return Decision.REMOVE, "not used for long enough"


def _age(size: Measure, owner: TargetOwner | None) -> float | None:
    """Return seconds since the latest sign of use; None when signs may have been missed."""
    if size.state is not SizeState.COMPLETE or size.newest is None:
        return None
    return time.time() - max(size.newest, owner.last_used if owner else 0.0)


def _remove(finding: JudgedCandidate, options: CleanOptions) -> JudgedCandidate:
    """Lease, judge again, quarantine, forget, delete: in this order."""
    if finding.verdict is Decision.LEFTOVER:
        return _finish_leftover(finding)
    candidate = finding.candidate
    lease = None
    try:
        if candidate.leased:
            lease = lease_target(candidate.base, candidate.path, exclusive=True)
        if cargo_builds_in(candidate.path) or _used_since(finding, options):
            return _changed(finding, Decision.IN_USE, "used since it was judged")
        if kept := _repository_now(candidate.path):
            return _changed(finding, *kept)
        return _take_away(finding)
    except TargetBusy:
        return _changed(finding, Decision.IN_USE, "leased by a run")
    except FileNotFoundError:
        return _changed(finding, Decision.REMOVED, "somebody else removed it")
    except (TargetPathRefused, RootUnusable, OSError) as error:
        return _changed(finding, Decision.REFUSED, str(error))
    finally:
        if lease is not None:
            os.close(lease)


def _used_since(finding: JudgedCandidate, options: CleanOptions) -> bool:
    """Look again at the cheap signs of use: the index entry and the directory itself."""
    candidate = finding.candidate
    owner = read_owner(candidate.base, candidate.path) if candidate.leased else None
    newest = max(os.lstat(candidate.path).st_mtime, owner.last_used if owner else 0.0)
    return time.time() - newest < options.older_than


def _take_away(finding: JudgedCandidate) -> JudgedCandidate:
    candidate = finding.candidate
    store, names = _quarantine_of(candidate)
    moved = quarantine(candidate.base, candidate.names, store, names)
    if candidate.leased:
        forget_owner(candidate.base, candidate.path)
        drop_lease_file(candidate.base, candidate.path)
        remove_empty_parents(candidate.base, candidate.names, keep=3)
    empty_quarantine(store, names, only=moved)
    return _changed(finding, Decision.REMOVED, finding.reason)


def _quarantine_of(candidate: Candidate) -> tuple[Root, tuple[str, ...]]:
    """Return a place on the same filesystem: below the root, or in git's own directory."""
    if candidate.category is not Category.WORKTREE:
        return candidate.base, QUARANTINE
    from .repository import find_repository

    repository = find_repository(path_of(candidate.base))
    if repository is None:
        raise TargetPathRefused(str(candidate.path), "no longer in a git working tree")
    return repository.git_dir, _IN_TREE_QUARANTINE


def _finish_leftover(finding: JudgedCandidate) -> JudgedCandidate:
    candidate = finding.candidate
    try:
        empty_quarantine(candidate.base, candidate.names[:-1], only=candidate.names[-1])
    except (TargetPathRefused, RootUnusable, OSError) as error:
        return _changed(finding, Decision.REFUSED, str(error))
    return _changed(finding, Decision.REMOVED, finding.reason)


def _changed(finding: JudgedCandidate, verdict: Decision, reason: str) -> JudgedCandidate:
    return JudgedCandidate(
        finding.candidate, verdict, reason, finding.size, finding.age, finding.owner
    )
