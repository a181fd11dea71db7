"""Which commits of a repository that an agent made are elsewhere as well, by its remotes.

What was fetched from a server, or pushed to it, is there: the server is not asked. A remote on
this machine is looked into: it holds what its own references reach, as long as it lasts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..git.config import settings_in
from .git_files import (
    Unjudged,
    check_objects,
    check_outlives,
    git_directories,
    is_store,
    read_bytes,
    read_references,
)
from .neutral_git import Neutral, neutral
from .remote_urls import is_server, local_path

# The old form has no quotation marks: "[remote.origin]".
_SETTING = r'(remote|url)\.(?:"((?:[^"\\]|\\.)*)"|([^"]*))\.([a-z]+)'
_ELSEWHERE = ("include.", "includeif.")
_URLS, _REWRITES = ("url", "pushurl"), ("insteadof", "pushinsteadof")
_VOLATILE = ("/tmp", "/var/tmp", "/dev/shm", "/run")
_MOST_PATHS, _MOST_WORKTREES = 20, 1000
_MOST_COMMITS = 1000


@dataclass(slots=True)
class _Remotes:
    """What a repository's configuration says of its remotes.

    :param urls: by remote, those it is fetched from and pushed to.
    :param rewrites: what other URLs are rewritten to.
    """

    urls: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    rewrites: list[str] = field(default_factory=list[str])


def held_elsewhere(
    store: Path, top: Path, references: Mapping[str, str], own: Collection[str]
) -> set[str]:
    """Return the ids of objects that are still somewhere when ``top`` is gone.

    :param references: of the repository, by name.
    :param own: what is asked for, beside the references to its remotes.
    :raises Unjudged: its configuration is no file.
    :raises GitFailed: git did not answer in time.
    """
    remotes = _configured(store)
    found = {oid for name, oid in references.items() if _is_on_a_server(name, remotes)}
    base = store.parent if store.name == ".git" else store
    paths = {local_path(url, base) for urls in remotes.urls.values() for url in urls} - {None}
    for place in sorted(path for path in paths if path is not None)[:_MOST_PATHS]:
        found |= _held_at(Path(place), top, {*references.values(), *own} - found)
    return found


def cloned_at(store: Path) -> int | None:
    """Return when a repository says that a server was cloned (seconds since the epoch)."""
    first = read_bytes(store / "logs" / "HEAD").partition(b"\n")[0].decode("utf-8", "replace")
    found = re.search(r" (\d{1,12}) [+-]\d{4}\tclone: from (.*)", first)
    return int(found[1]) if found and is_server(found[2]) else None


def _is_on_a_server(name: str, remotes: _Remotes) -> bool:
    """Tell whether a reference is a remote's all of whose URLs name a server."""
    if not name.startswith("refs/remotes/") or not all(map(is_server, remotes.rewrites)):
        return False
    of = [urls for each, urls in remotes.urls.items() if name.startswith(f"refs/remotes/{each}/")]
    return bool(of) and all(urls and all(map(is_server, urls)) for urls in of)


def _held_at(place: Path, top: Path, wanted: Collection[str]) -> set[str]:
    """Return the ids that the repository at a place has; none where it may go soon."""
    try:
        there = _repository_at(place)
        if there is None or not _lasts(there, top) or _is_in_part(there):
            return set()
        check_objects(there)
        check_outlives(there, top)
        named = read_references(there).items()
        holders = {oid for name, oid in named if not name.endswith(".lock")}
    except (Unjudged, OSError, ValueError):
        return set()
    if not holders or not wanted:
        return set()
    with neutral(there, own=(), elsewhere=holders) as question:
        held = _reached(question, wanted, holders)
        return held if _has_all_of(question, held) else set()


def _repository_at(place: Path) -> Path | None:
    """Return the git directory that git would find for a path."""
    for each in (place, place.with_name(f"{place.name}.git")):
        if os.path.lexists(each / ".git") and (found := git_directories(each)) is not None:
            return found[1]
        if is_store(each):
            return Path(os.path.realpath(each))
    return None


def _lasts(there: Path, top: Path) -> bool:
    """Tell whether a place stays: neither in a workspace, nor temporary unless that is too."""
    # Two workspaces could each rely on the other's, and one sweep removes both.
    workspaces = top.parents[2] if len(top.parents) > 2 else top
    temporary = {os.path.realpath(each) for each in (*_VOLATILE, os.environ.get("TMPDIR")) if each}
    return not _is_below(there, str(workspaces)) and not any(
        _is_below(there, each) and not _is_below(top, each) for each in temporary
    )


def _is_below(place: Path, above: str) -> bool:
    return f"{place}/".startswith(f"{above.rstrip('/')}/")


def _is_in_part(there: Path) -> bool:
    """Tell whether a repository says that it lacks earlier commits, or contents."""
    # What ends here and there at one commit may be what an agent wrote into both.
    if read_bytes(there / "shallow").split():
        return True
    if any((name or "").startswith("extensions.partialclone") for name, _ in _settings(there)):
        return True
    packs = there / "objects" / "pack"
    return packs.is_dir() and any(name.endswith(".promisor") for name in os.listdir(packs))


def _settings(store: Path) -> Iterator[tuple[str | None, str]]:
    yield from settings_in(read_bytes(store / "config").decode("utf-8", "surrogateescape"))


def _reached(question: Neutral, wanted: Collection[str], holders: Collection[str]) -> set[str]:
    """Return those of the wanted objects that the holders are at, or reach."""
    kinds = dict(_kinds(question, {*wanted, *holders}))
    commits = [oid for oid in wanted if kinds.get(oid) == "commit"]
    held = {oid for oid in wanted if oid in holders and oid in kinds}
    known = [oid for oid in holders if kinds.get(oid) in ("commit", "tag")]
    if not commits or not known:
        return held
    lines = [*commits, *(f"^{oid}" for oid in known)]
    answer = question.ask("rev-list", "--stdin", lines=lines)
    if answer.status != 0:
        return held
    return held | (set(commits) - set(answer.stdout.decode().split()))


def _has_all_of(question: Neutral, oids: Collection[str]) -> bool:
    """Tell whether every tree and file of the newest commits can be read: its head, at least."""
    words = ("rev-list", "--objects", "--missing=print", f"--max-count={_MOST_COMMITS}", "--stdin")
    listed = question.ask(*words, lines=sorted(oids)) if oids else None
    if listed is None or listed.status != 0:
        return not oids
    # Who is missing has a question mark before its name, which git cannot find either.
    names = {line.partition(b" ")[0].decode() for line in listed.stdout.splitlines()}
    return len(names) == sum(1 for _ in _kinds(question, names))


def _kinds(question: Neutral, oids: Collection[str]) -> Iterator[tuple[str, str]]:
    form = "--batch-check=%(objectname) %(objecttype)"
    for line in question.ask("cat-file", form, lines=sorted(oids)).stdout.decode().splitlines():
        oid, _, kind = line.partition(" ")
        if kind in ("commit", "tag", "tree", "blob"):
            yield oid, kind


def _configured(store: Path) -> _Remotes:
    """Read the configuration; what is written in an unusual way counts as no server."""
    found = _Remotes()
    for place in _configurations(store):
        text = read_bytes(place).decode("utf-8", "surrogateescape")
        for name, value in settings_in(text):
            _hear(found, name or "include.", value)
    return found


def _configurations(store: Path) -> Iterator[Path]:
    """Yield the repository's configuration, and that of each of its worktrees."""
    yield from (store / "config", store / "config.worktree")
    try:
        names = sorted(os.listdir(store / "worktrees"))
    except OSError:
        return
    if len(names) > _MOST_WORKTREES:
        raise Unjudged("it has too many worktrees")
    yield from (store / "worktrees" / name / "config.worktree" for name in names)


def _hear(found: _Remotes, name: str, value: str) -> None:
    """Note what one setting says of the remotes."""
    if name.startswith(_ELSEWHERE):
        # Another file says more of them, or an unusual line does.
        found.rewrites.append("")
        return
    match = re.fullmatch(_SETTING, name)
    if match is None:
        return
    kind, key = match[1], match[4]
    of = match[3] or "" if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
    if kind == "url":
        found.rewrites.extend([of] if key in _REWRITES else [])
        return
    urls = found.urls.setdefault(of, [])
    if key in _URLS:
        urls.append(_plain(value))
    elif key == "vcs":
        urls.append("")  # a helper program, whatever the URL
    elif key == "fetch" and not _keeps_to_itself(of, value):
        found.rewrites.append("")


def _keeps_to_itself(remote: str, refspec: str) -> bool:
    """Tell whether a remote's fetches write no other remote's references."""
    _, colon, to = _plain(refspec).partition(":")
    own = (f"refs/remotes/{remote}/", "refs/heads/", "refs/tags/", "refs/notes/")
    return not colon or not to or to.startswith(own)


def _plain(value: str) -> str:
    text = value.strip()
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        text = text[1:-1]
    return "" if re.search(r'["\\\0]', text) else text
