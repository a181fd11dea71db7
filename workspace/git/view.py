"""Look into a checkout without hearing a word of its repository's configuration.

An agent can write ``.git/config``, and every file it includes, of a repository that it
works in; ``config.worktree``, ``commondir``, attributes and submodules too. git starts what
these name: filters, monitors, hooks, helpers. No list of such settings is ever complete.

So git is given a shared directory of ours (``GIT_COMMON_DIR``). Its ``config`` says of what
form the repository is and nothing else. Its other names are links to what the repository has:
objects, references, ignore rules. It lies in our state directory, where no agent's sandbox
writes, and is compared at every use. Attributes still name filters, but only the *user's own*
configuration can say what such a filter is.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator
from contextvars import ContextVar
from pathlib import Path

from ...kernel.files.atomic import write_all
from ...kernel.files.below import open_directory
from ...kernel.files.regular_file import create_file, read_regular
from ...kernel.files.tree import remove_tree
from ...kernel.values import frozen
from ...kernel.xdg import state_directory
from ..errors import GitFailed, operator_errors
from ..fs import directory, open_below
from .config import RepositoryFacts, read_facts

_LINKS = ("info", "logs", "objects", "packed-refs", "refs", "reftable", "shallow", "worktrees")
_ATTEMPTS = 20
StrPath = str | os.PathLike[str]
_PASSING: ContextVar[list[str] | None] = ContextVar("passing views", default=None)


@frozen
class GitView:
    """A checkout, or bare repository, whose own configuration is not heard.

    :param git_dir: git directory of the checkout.
    :param common: directory of ours that stands for the repository's shared one.
    :param top: working tree, or None where the command needs none.
    :param settings: configuration, as (key, value).
    """

    git_dir: str
    common: str
    top: str | None
    settings: tuple[tuple[str, str], ...] = ()

    def variables(self) -> dict[str, str]:
        """Return the variables that lead git there."""
        found = {"GIT_DIR": self.git_dir, "GIT_COMMON_DIR": self.common}
        return found if self.top is None else {**found, "GIT_WORK_TREE": self.top}

    def __str__(self) -> str:
        """Return how an error names it."""
        return self.top or self.git_dir


def view_at(
    git_dir: StrPath,
    common_dir: StrPath,
    top: StrPath | None = None,
    settings: tuple[tuple[str, str], ...] = (),
    *,
    rules: bool = True,
) -> GitView:
    """Return a view of a checkout, or of a bare repository.

    :param settings: configuration for the calls made with it, before the repository's.
    :param rules: hear the repository's ``info``: its own ignore rules and attributes.
    :raises GitFailed: the repository is gone.
    :raises OperatorError: our state directory cannot be written.
    """
    where, shared = os.fspath(git_dir), os.fspath(common_dir)
    facts = read_facts(where, shared)
    common = _stand_in(shared, facts, rules=rules)
    return GitView(
        where, common, None if top is None else os.fspath(top), (*facts.settings, *settings)
    )


@contextlib.contextmanager
def passing_views() -> Generator[None, None, None]:
    """Leave no view behind that a block makes: what only looks changes no state of ours."""
    made: list[str] = []
    token = _PASSING.set(made)
    try:
        yield
    finally:
        _PASSING.reset(token)
        if made:
            with directory(state_directory() / "repositories") as where_fd:
                for name in made:
                    remove_tree(name, where_fd)


def _stand_in(common_dir: str, facts: RepositoryFacts, *, rules: bool) -> str:
    """Return the directory that stands for a repository's shared one; made where missing."""
    where = state_directory() / "repositories"
    try:
        status = os.stat(common_dir)
    except OSError as error:
        raise GitFailed("status", Path(common_dir), error.strerror or str(error)) from None
    name = f"{status.st_dev:x}-{status.st_ino:x}.{'view' if rules else 'verdict'}"
    config = _config(facts)
    links = {link: f"{common_dir}/{link}" for link in _LINKS if rules or link != "info"}
    where_fd = open_below(where, create=True)
    made = _PASSING.get()
    try:
        with operator_errors(where / name):
            if made is not None and not _is_right(name, where_fd, config, links):
                name = f".{name}.{os.urandom(6).hex()}"
                made.append(name)
            for _ in range(_ATTEMPTS):
                if _is_right(name, where_fd, config, links):
                    return os.fspath(where / name)
                _replace(name, where_fd, config, links)
    finally:
        os.close(where_fd)
    raise GitFailed("status", Path(common_dir), f"{where / name} is changed by somebody else")


def _config(facts: RepositoryFacts) -> bytes:
    version = 1 if facts.format else 0
    lines = ["[core]", f"\trepositoryformatversion = {version}", "\tbare = true"]
    if facts.format:
        lines += ["[extensions]", *(f"\t{name} = {form}" for name, form in facts.format)]
    return "\n".join([*lines, ""]).encode()


def _is_right(name: str, where_fd: int, config: bytes, links: dict[str, str]) -> bool:
    try:
        fd = open_directory(name, where_fd)
    except OSError:
        return False
    try:
        if set(os.listdir(fd)) != {"config", *links}:
            return False
        if any(os.readlink(link, dir_fd=fd) != target for link, target in links.items()):
            return False
        return read_regular("config", len(config), dir_fd=fd) == config
    except OSError:
        return False
    finally:
        os.close(fd)


def _replace(name: str, where_fd: int, config: bytes, links: dict[str, str]) -> None:
    """Put a right one there, whole from its first moment; an old one is taken away first."""
    fresh = f".{name}.{os.urandom(6).hex()}"
    old = f"{fresh}.old"
    os.mkdir(fresh, 0o700, dir_fd=where_fd)
    try:
        _fill(fresh, where_fd, config, links)
        with contextlib.suppress(FileNotFoundError):
            os.rename(name, old, src_dir_fd=where_fd, dst_dir_fd=where_fd)
        # Where another launch was faster, what is there now is looked at again.
        with contextlib.suppress(FileExistsError):
            os.rename(fresh, name, src_dir_fd=where_fd, dst_dir_fd=where_fd)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
    finally:
        for rest in (fresh, old):
            remove_tree(rest, where_fd)


def _fill(name: str, where_fd: int, config: bytes, links: dict[str, str]) -> None:
    fd = open_directory(name, where_fd)
    try:
        for link, target in links.items():
            os.symlink(target, link, dir_fd=fd)
        config_fd = create_file("config", fd)
        try:
            write_all(config_fd, config)
        finally:
            os.close(config_fd)
    finally:
        os.close(fd)
