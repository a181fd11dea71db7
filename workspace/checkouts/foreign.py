"""Work that exists only in a repository that an agent made, cloned or added a worktree to."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from ..git.worktree_entry import entries
from ..repository.kept_commits import UNFINISHED, commits_held
from .changes import FoundCheckout, uncommitted
from .git_files import (
    Unjudged,
    check_objects,
    check_outlives,
    git_directories,
    head_commit,
    read_references,
    read_stashes,
)
from .git_names import nobodys_files
from .gitlinks import gitlinks
from .neutral_git import neutral
from .remotes import cloned_at, held_elsewhere
from .scratch_dirs import scratch_directory
from .words import commits_text


def judge_store(store: Path, top: Path) -> list[str]:
    """Describe the work that only a repository below ``top`` holds.

    Commits on a remote that lasts are elsewhere, all others are not; and a worktree outside
    that hangs on it would be orphaned.

    :raises Unjudged: it cannot be told.
    """
    check_objects(store)
    references = read_references(store)
    every = entries(store)
    hanging = [entry for entry in every if entry.pointer]
    own = {*references.values(), *read_stashes(store), *commits_held(store)}
    for entry in hanging:
        own.update(commits_held(entry.place))
    elsewhere = held_elsewhere(store, top, references, own)
    lines = nobodys_files(store)
    if own - elsewhere:
        with neutral(store, own=own - elsewhere, elsewhere=elsewhere) as question:
            count, others = question.count(), question.others(cloned_at(store))
        if count:
            lines.append(f"{commits_text(count)} on no remote")
        if others:
            lines.append(f"{'1 tag' if others == 1 else f'{others} tags'} made in it")
    for entry in every:
        lines += nobodys_files(entry.place) if entry.place.is_dir() else []
    if store.name != ".git":  # of a checkout it is said there
        lines += _unfinished(store)
    outside = [
        entry.checkout
        for entry in hanging
        if not entry.pointer.startswith(f"{top}/") and os.path.lexists(entry.pointer)
    ]
    lines.extend(f"a worktree at {place}, which would lose its repository," for place in outside)
    return lines


def judge_checkout(checkout: Path, top: Path) -> list[str]:
    """Describe the work of a checkout below ``top``, but for the commits of stores in there.

    :raises Unjudged: it cannot be told.
    """
    places = git_directories(checkout)
    if places is None:
        return []
    git_dir, store = places
    check_objects(store)
    references = read_references(store)
    head = head_commit(git_dir, references)
    is_guest = not f"{store}/".startswith(f"{top}/")
    if is_guest:
        check_outlives(store, top)
    held = set(commits_held(git_dir)) if is_guest else set[str]()
    lines: list[str] = []
    with neutral(store, own=held, elsewhere=references.values(), head=head) as question:
        ask = partial(question.ask, f"--work-tree={checkout}")
        exclude = store / "info" / "exclude"
        with scratch_directory() as scratch:
            found = FoundCheckout(ask, checkout, head, _index(git_dir), exclude)
            lines += uncommitted(found, scratch)
            lines += gitlinks(found)
        if held and (count := question.count()):
            lines.append(f"{commits_text(count)} on no branch")
    return lines + _unfinished(git_dir)


def _unfinished(git_dir: Path) -> list[str]:
    return [f"unfinished {name}" for name in UNFINISHED if os.path.lexists(git_dir / name)]


def _index(git_dir: Path) -> Path:
    index = git_dir / "index"
    if os.path.lexists(index) and not (index.is_file() and not index.is_symlink()):
        raise Unjudged("its index is not a regular file")
    return index
