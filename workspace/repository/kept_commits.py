"""What only a repository's entry for a worktree holds, and references that keep it.

git forgets an entry's detached HEAD, its ``refs/worktree`` and ``refs/bisect``, and its index
with the entry. Before an entry of ours goes, each gets a reference below
``refs/codexlab/kept/<issue>/<agent>/``, named by its commit: to keep twice is to keep once.

An entry's files are read as what anybody may have written. git is run in the repository
alone, with the entry's index by name, and never in the entry.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...kernel.errors import CodexlabError
from ..errors import GitFailed
from ..fs import directory, read_small
from ..git.checkout import differs_from_tree, resolve_ref
from ..git.command import GitAnswer, ask_git
from ..git.worktree_entry import WorktreeEntry
from ..paths import WorkspacePaths
from .holding import ANYWHERE, holding, is_own_file, unheld

KEPT = "refs/codexlab/kept"
# What says that git is in the middle of something, in a checkout's own git directory.
UNFINISHED = (
    *("MERGE_HEAD", "MERGE_AUTOSTASH", "CHERRY_PICK_HEAD", "REVERT_HEAD"),
    *("rebase-merge", "rebase-apply", "sequencer", "BISECT_LOG", "NOTES_MERGE_PARTIAL"),
)
_COMMITS_IN = (
    *("MERGE_HEAD", "MERGE_AUTOSTASH", "CHERRY_PICK_HEAD", "REVERT_HEAD", "NOTES_MERGE_PARTIAL"),
    *("rebase-merge/autostash", "rebase-apply/autostash"),
)
_OWN_REFS, _MOST_REFS = ("refs/worktree", "refs/bisect", "refs/rewritten"), 10_000
# As git reads it: digits of either case, and then anything after a blank.
_COMMIT = r"(?im)^[0-9a-f]{40}(?:[0-9a-f]{24})?(?!\S)"
# How ``ls-files --stage`` says that an entry is merged, between its object and its name.
_MERGED = " 0\t"
_QUOTED = {"core.quotePath": "true"}
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "codexlab"), ("EMAIL", "codexlab@localhost"))
}


def commits_held(git_dir: Path) -> dict[str, str]:
    """Return the commits a checkout's own git directory names, with words for each.

    The branch it is on is not among them: that is the repository's own.
    """
    held: dict[str, str] = {}
    for commit in re.findall(_COMMIT, _text(git_dir, "HEAD")):
        held[commit.lower()] = "a detached HEAD of"
    for name in (*_COMMITS_IN, *_own_references(git_dir)):
        for commit in re.findall(_COMMIT, _text(git_dir, name)):
            held.setdefault(commit.lower(), f"{name} of")
    return held


def is_lonely(repo: Path, commit: str) -> bool:
    """Tell whether no branch, remote or tag holds a commit, nor what was kept before.

    What is no commit, such as a tag with its text or a tree, is held by a reference at it.
    """
    kind = _ask(repo, "cat-file", "-t", commit).stdout.strip()
    holders = holding(repo, where=(*ANYWHERE, KEPT))
    if kind != b"commit":
        return kind != b"" and commit not in holders
    answer = unheld(repo, [commit], holders)
    return answer.status != 0 or bool(answer.stdout)


def has_staged(repo: Path, entry: WorktreeEntry) -> bool:
    """Tell whether an entry's index differs from its HEAD: staged, or not yet merged.

    :raises GitFailed: the index is no regular file, or cannot be read.
    """
    index = entry.place / "index"
    try:
        if not stat.S_ISREG(os.lstat(index).st_mode):
            raise GitFailed("read", index, "expected a regular file")
    except FileNotFoundError:
        return False
    extra, head = {"GIT_INDEX_FILE": str(index)}, head_of(repo, entry)
    staged = _run(repo, "ls-files", "--stage", "-z", extra=extra).split(b"\0")
    stored = _run(repo, "ls-tree", "-r", "-z", head).split(b"\0") if head else []
    return any(
        differs_from_tree(staged, stored, submodules=submodules) for submodules in (False, True)
    )


def head_of(repo: Path, entry: WorktreeEntry) -> str | None:
    """Return the commit an entry is at, on a branch or not."""
    if entry.branch is None:
        return entry.detached
    return resolve_ref(repo, f"refs/heads/{entry.branch}")


def keep_what_entries_hold(
    repo: Path, lost: Iterable[WorktreeEntry], paths: WorkspacePaths, *, staged: bool
) -> list[str]:
    """Give a reference to what only these entries hold. The repository's lock must be held.

    :param staged: also to what is staged: the files themselves are gone already.
    :returns: a line for each, and for what cannot be kept.
    :raises GitFailed: a reference cannot be made; no entry may be dropped then.
    :raises OSError: submodules' repositories cannot be moved; the same.
    """
    _, issue, agent = paths.names
    lines: list[str] = []
    for entry in lost:
        held, place = commits_held(entry.place), entry.checkout or str(entry.place)
        if staged:
            try:
                if has_staged(repo, entry):
                    held[_staged_commit(repo, entry, held)] = "what was staged in"
            except (GitFailed, OSError) as error:
                lines.append(f"what was staged in {place} cannot be kept ({error})")
        for commit, what in held.items():
            if is_lonely(repo, commit):
                name = f"{KEPT}/{issue}/{agent}/{commit[:16]}"
                _keep(repo, name, commit)
                lines.append(f"{what} {place} is kept as {name}")
        if staged and has_submodules(entry):
            modules = _keep_submodules(repo, entry)
            lines.append(f"the repositories of submodules in {place} are kept in {modules}")
    return lines


def _keep(repo: Path, name: str, commit: str) -> None:
    """Make a reference, and let nobody's alias of that name lead it to a branch."""
    if not is_own_file(repo, name):
        raise GitFailed("update-ref", repo, f"{name}: expected no link on the way; remove it")
    _run(repo, "update-ref", "--no-deref", name, commit)


def has_submodules(entry: WorktreeEntry) -> bool:
    """Tell whether an entry holds repositories of its submodules: they go with it."""
    try:
        return bool(os.listdir(entry.place / "modules"))
    except OSError:
        return False


def _keep_submodules(repo: Path, entry: WorktreeEntry) -> Path:
    kept = repo / "codexlab-kept" / f"{entry.place.name}-{os.urandom(4).hex()}"
    kept.parent.mkdir(exist_ok=True)
    os.rename(entry.place / "modules", kept)
    return kept


def _staged_commit(repo: Path, entry: WorktreeEntry, held: Iterable[str]) -> str:
    """Make a commit of an index, on top of all that its unmerged sides came from."""
    tree = _staged_tree(repo, entry)
    parents = dict.fromkeys([*filter(None, [head_of(repo, entry)]), *held])
    dated = f"@{int(os.lstat(entry.place / 'index').st_mtime)} +0000"
    who = {**_IDENTITY, "GIT_AUTHOR_DATE": dated, "GIT_COMMITTER_DATE": dated}
    options = [part for parent in parents for part in ("-p", parent)]
    message = f"Staged in {entry.checkout or entry.place} when it was lost"
    return _run(repo, "commit-tree", tree, *options, "-m", message, extra=who).decode().strip()


def _staged_tree(repo: Path, entry: WorktreeEntry) -> str:
    """Write an index as a tree, without what is unmerged: a tree has no place for that.

    By its list alone: git would believe what the index says of whole directories.
    """
    listed = _run(repo, "ls-files", "--stage", extra={"GIT_INDEX_FILE": str(entry.place / "index")})
    lines = [each for each in listed.decode("ascii").split("\n") if _MERGED in each[:80]]
    fresh = entry.place / f"index.codexlab-{os.urandom(6).hex()}"
    extra = {"GIT_INDEX_FILE": str(fresh)}
    try:
        _run(repo, "update-index", "--add", "--index-info", extra=extra, lines=lines)
        return _run(repo, "write-tree", extra=extra).decode().strip()
    finally:
        fresh.unlink(missing_ok=True)


def _own_references(git_dir: Path) -> Iterator[str]:
    """Yield the names of references that are a checkout's own, links not followed."""
    waiting, left = list(_OWN_REFS), _MOST_REFS
    while waiting and left > 0:
        name = waiting.pop()
        try:
            with directory(git_dir, *name.split("/")) as fd, os.scandir(fd) as found:
                for item in found:
                    left -= 1
                    inner = f"{name}/{item.name}"
                    if item.is_dir(follow_symlinks=False):
                        waiting.append(inner)
                    else:
                        yield inner
        except (OSError, CodexlabError):
            continue


def _text(git_dir: Path, name: str) -> str:
    *parents, last = name.split("/")
    try:
        with directory(git_dir, *parents) as fd:
            return (read_small(last, fd, git_dir / name) or b"").decode("utf-8", "replace")
    except (OSError, CodexlabError):
        return ""  # something else lies there, and names no commit


def _ask(repo: Path, *arguments: str, extra: dict[str, str] | None = None) -> GitAnswer:
    return ask_git(repo, f"--git-dir={repo}", *arguments, extra=extra or {})


def _run(
    repo: Path,
    *arguments: str,
    extra: dict[str, str] | None = None,
    lines: Iterable[str] = (),
) -> bytes:
    words = (f"--git-dir={repo}", *arguments)
    answer = ask_git(repo, *words, extra=extra or {}, settings=_QUOTED, lines=lines)
    if answer.status != 0:
        raise GitFailed(arguments[0], repo, answer.detail)
    return answer.stdout
