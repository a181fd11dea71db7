"""Repositories given by URL: one bare cache each, fetched before a worktree is made.

Remote branches live below ``refs/remotes/origin``, so a fetch never touches a branch an
agent works on. The URL is stored without credentials; git gets those through its
environment, which only our own user can read, never in an argument.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from ...kernel.errands.git_environment import Reach
from ...kernel.errors import OperatorError
from ...kernel.files.tree import remove_tree
from ...kernel.xdg import cache_directory
from ..errors import GitFailed, RepositoryGone, WorkdirRefused, operator_errors
from ..fs import directory, open_below
from ..git.command import ask_git, run_git
from ..git.view import view_at
from .cache_locks import set_cache_locks_aside
from .lock import repository_lock
from .project import normalise_origin, repository_name

_FETCH_TIMEOUT = 1800.0
READY = "codexlab-ready"
# More than there are launches that wait for one cache at once.
_DELETIONS = 1000


def cache_path(url: str, cache_dir: Path) -> Path:
    """Return where the cache of a URL lies; all spellings of one repository share it."""
    identity = normalise_origin(url, Path("/"))
    digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    return cache_root(cache_dir) / f"{repository_name(identity)}-{digest}.git"


def cache_root(cache_dir: Path | None = None) -> Path:
    """Return the directory of all caches, by default below the XDG cache directory."""
    return (cache_dir or cache_directory()) / "git"


def public_url(url: str) -> str:
    """Return a URL without its secrets: no password, and for http no user either."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    user, host = parts.netloc.rpartition("@")[::2]
    name = user.partition(":")[0] if parts.scheme not in ("http", "https") else ""
    return urlunsplit(parts._replace(netloc=f"{name}@{host}" if name else host))


@contextlib.contextmanager
def cache_lock(
    cache: Path, state_dir: Path, *, patience: float, holder: str
) -> Generator[int, None, None]:
    """Make a cache's directory, hold its lock for a block and yield the lock's descriptor.

    gc and the launch whose first fetch failed delete a cache under its lock. Whoever waited for
    that lock makes the directory again.

    :param patience: seconds to wait for the lock, each time.
    :param holder: who holds it then, as whoever waits is told.
    :raises RepositoryBusy: it was not to be had in that time.
    """
    with contextlib.ExitStack() as stack:
        lock = partial(repository_lock, cache, state_dir, patience=patience, holder=holder)
        yield _enter(stack, cache, lock)


def _enter(
    stack: contextlib.ExitStack,
    cache: Path,
    lock: Callable[[], contextlib.AbstractContextManager[int]],
) -> int:
    for _ in range(_DELETIONS):
        os.close(open_below(cache, create=True))
        with contextlib.suppress(RepositoryGone, FileNotFoundError):
            return stack.enter_context(lock())
    raise RepositoryGone(cache)


def refresh_cache(cache: Path, url: str, lock_fd: int) -> list[str]:
    """Bring a cache up to date, making it first when it is not whole. Its lock must be held.

    :param lock_fd: of that lock; every git that writes there keeps it.
    :returns: a note when the remote could not be reached and the cache is older. And a note for
        each lock of a killed git that was in the way.
    :raises GitFailed: the first fetch failed; nothing of the cache is left.
    """
    if (cache / READY).exists():
        return _refresh(cache, url, lock_fd)
    try:
        _initialise(cache, url, lock_fd)
        _fetch(cache, url, lock_fd)
        _note_fetch(cache)
    except GitFailed as error:
        _discard(cache)
        line = f"--repo {public_url(url)}: git {error.action}: {error.detail}"
        raise error.reworded(line) from None
    except BaseException:
        _discard(cache)
        raise
    return []


def _refresh(cache: Path, url: str, lock_fd: int) -> list[str]:
    notes = set_cache_locks_aside(cache)
    try:
        _fetch(cache, url, lock_fd)
    except GitFailed as error:
        why = f"{public_url(url)} could not be fetched ({error.detail}); using what is cached"
        return [*notes, why]
    _note_fetch(cache)
    return notes


def _note_fetch(cache: Path) -> None:
    with operator_errors(cache):
        (cache / READY).touch(mode=0o600)


def _discard(cache: Path) -> None:
    """Delete a cache that never was whole. What cannot be deleted is made anew by the next."""
    with (
        contextlib.suppress(OSError, OperatorError),
        directory(cache.parent) as top_fd,
    ):
        remove_tree(cache.name, top_fd)


def resolve_remote(cache: Path, url: str, base: str | None) -> str:
    """Return the commit a branch starts from: ``base`` on the remote, else its default branch.

    :raises WorkdirRefused: there is no such commit.
    """
    names = (f"refs/remotes/origin/{base}", base) if base else ("refs/remotes/origin/HEAD",)
    for name in names:
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        answer = ask_git(cache, *arguments)
        if answer.status == 0:
            return answer.stdout.decode().strip()
    if base:
        raise WorkdirRefused(f"--base {base}", f"names no commit in {public_url(url)}")
    reason = "does not say which branch is its default; choose one with --base"
    raise WorkdirRefused(f"--repo {public_url(url)}", reason)


def _initialise(cache: Path, url: str, lock_fd: int) -> None:
    # Not ready means that no worktree was ever made from it.
    with directory(cache) as cache_fd, operator_errors(cache):
        for name in os.listdir(cache_fd):
            remove_tree(name, cache_fd)
    run_git(None, "init", "--quiet", "--bare", "--", str(cache), pass_fds=(lock_fd,))
    # For the agent: our own fetch does not hear it, since an agent may have changed it.
    named = ("remote", "add", "origin", public_url(url))
    run_git(None, f"--git-dir={cache}", *named, pass_fds=(lock_fd,))


def _fetch(cache: Path, url: str, lock_fd: int) -> None:
    view = view_at(cache, cache, settings=_remote(url))
    run_git(
        view,
        *("fetch", "--quiet", "--prune", "--no-auto-gc", "--no-write-fetch-head"),
        *("--no-recurse-submodules", "origin"),
        timeout=_FETCH_TIMEOUT,
        pass_fds=(lock_fd,),
        reach=Reach.REMOTE,
    )
    # An empty remote or one with a detached HEAD has no default; --base can still name one.
    named = ("remote", "set-head", "origin", "--auto")
    ask_git(view, *named, pass_fds=(lock_fd,), reach=Reach.REMOTE)


def _remote(url: str) -> tuple[tuple[str, str], ...]:
    return (
        ("remote.origin.url", public_url(url)),
        ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
        *credentials(url).items(),
    )


def credentials(url: str) -> Mapping[str, str]:
    """Return settings for one call that give git the URL's user and password.

    As a header and not as a URL: git hands a URL on in its helper's arguments, which
    every user of the machine can read.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    header = f"Authorization: Basic {base64.b64encode(pair).decode()}"
    return {f"http.{public_url(url)}.extraHeader": header}
