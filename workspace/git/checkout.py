"""The checkout that a launch was started from, read from git's files without running git.

The formats are those of gitrepository-layout(5): a ``.git`` directory, or a
``gitdir: PATH`` file leading to one; a linked worktree's has a ``commondir``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from ...kernel.files.regular_file import NOT_REGULAR, read_regular
from ...kernel.real_path import real_path
from ...kernel.values import frozen
from ..errors import WorkdirRefused
from .command import ask_git
from .view import view_at

# Plain texts within: this is read several times a launch, and joining a Path takes long.
StrPath = str | os.PathLike[str]
# A reference is a line; what is packed grows with the repository (a million take 70 MB).
_LIMIT, _PACKED_LIMIT = 64 * 1024, 256 * 1024 * 1024
_SUBMODULE = b"160000"  # the mode of an entry


class StartKind(StrEnum):
    """The kind of place that a launch is started from."""

    MAIN = "main"
    LINKED = "linked"
    OUTSIDE = "outside"
    BARE = "bare"


@frozen
class Checkout:
    """The place a launch was started from.

    :param cwd: physical path of the directory.
    :param kind: main checkout, linked worktree, bare repository, or outside git.
    :param top: top level of the checkout; None outside git and in a bare repository.
    :param git_dir: this checkout's own git directory.
    :param common_dir: the git directory shared by all checkouts of the repository.
    :param head: commit id of HEAD; None before the first commit.
    :param branch: short name of the branch HEAD is on; None when detached.
    """

    cwd: Path
    kind: StartKind
    top: Path | None = None
    git_dir: Path | None = None
    common_dir: Path | None = None
    head: str | None = None
    branch: str | None = None


def inspect_checkout(cwd: Path) -> Checkout:
    """Tell where ``cwd`` lies. Reads a few small files and writes nothing.

    Like git itself, the search upwards ends at a filesystem boundary.

    :raises WorkdirRefused: ``cwd`` is no directory, or a ``.git`` file is damaged.
    """
    here = real_path(cwd)
    try:
        found = os.stat(here)
    except OSError as error:
        raise WorkdirRefused(cwd, error.strerror or str(error)) from None
    if not stat.S_ISDIR(found.st_mode):
        raise WorkdirRefused(cwd, "expected a directory")
    place = here
    while True:
        git_dir = _git_dir_at(place)
        if git_dir is not None:
            return _checkout(here, place, git_dir)
        if _is_git_dir(place):
            head, branch = read_head(place, place)
            return Checkout(
                Path(here), StartKind.BARE, None, Path(place), Path(place), head, branch
            )
        above = os.path.dirname(place)
        if above == place or os.stat(above).st_dev != found.st_dev:
            return Checkout(Path(here), StartKind.OUTSIDE)
        place = above


def is_still_at(found: Path | None, recorded: Path | str) -> bool:
    """Tell whether a git directory is the one on record, under whatever path."""
    if found is None:
        return False
    try:
        return found == Path(recorded) or os.path.samefile(found, recorded)
    except OSError:
        return False


def read_head(git_dir: StrPath, common_dir: StrPath) -> tuple[str | None, str | None]:
    """Return (commit id, branch) of HEAD; either may be None."""
    text = _read(git_dir, "HEAD") or ""
    if not text.startswith("ref:"):
        return text or None, None
    ref = text[4:].strip()
    branch = ref.removeprefix("refs/heads/")
    if branch == ".invalid":
        return _ask_head(git_dir, common_dir)
    return resolve_ref(common_dir, ref), branch


def resolve_ref(common_dir: StrPath, ref: str) -> str | None:
    """Return the commit id of a full reference name, or None when there is none."""
    if os.path.isdir(os.path.join(common_dir, "reftable")):
        where = Path(common_dir)
        answer = ask_git(where, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
        return answer.stdout.decode().strip() or None
    for _ in range(5):
        text = _read(common_dir, ref)
        if text is None:
            return _packed(common_dir, ref)
        if not text.startswith("ref:"):
            return text
        ref = text[4:].strip()
    return None


def _checkout(here: str, top: str, git_dir: str) -> Checkout:
    pointer = _read(git_dir, "commondir")
    common = git_dir
    if pointer is not None:
        common = real_path(os.path.join(git_dir, pointer))
    head, branch = read_head(git_dir, common)
    kind = StartKind.MAIN if pointer is None else StartKind.LINKED
    return Checkout(Path(here), kind, Path(top), Path(git_dir), Path(common), head, branch)


def _git_dir_at(place: str) -> str | None:
    marker = os.path.join(place, ".git")
    try:
        mode = os.stat(marker).st_mode
    except OSError:
        return None
    if stat.S_ISDIR(mode):
        return real_path(marker) if _is_git_dir(marker) else None
    text = _read(place, ".git") or ""
    if not text.startswith("gitdir:"):
        raise WorkdirRefused(Path(marker), "expected 'gitdir: PATH'; the file is damaged")
    target = real_path(os.path.join(place, text[7:].strip()))
    if not os.path.exists(os.path.join(target, "HEAD")):
        raise WorkdirRefused(
            Path(marker),
            f"leads to {target}, which is not a git directory; if the repository was moved,"
            " run 'git worktree repair' in it",
        )
    return target


def _is_git_dir(place: str) -> bool:
    return (
        os.path.lexists(os.path.join(place, "HEAD"))
        and os.path.isdir(os.path.join(place, "objects"))
        and os.path.isdir(os.path.join(place, "refs"))
    )


def _packed(common_dir: StrPath, ref: str) -> str | None:
    data = _bytes(os.path.join(common_dir, "packed-refs"), _PACKED_LIMIT)
    if data is None:
        return None
    end = (b"\n" + data).find(b" " + os.fsencode(ref) + b"\n")
    if end < 0:
        return None
    start = data.rfind(b"\n", 0, end) + 1
    return data[start : end - 1].decode("ascii", "replace")


def _ask_head(git_dir: StrPath, common_dir: StrPath) -> tuple[str | None, str | None]:
    view = view_at(git_dir, common_dir)
    oid = ask_git(view, "rev-parse", "--verify", "--quiet", "HEAD").stdout.decode().strip()
    name = ask_git(view, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.decode()
    return oid or None, name.strip() or None


def _read(directory: StrPath, name: str) -> str | None:
    data = _bytes(os.path.join(directory, name), _LIMIT)
    if data is not None and b"\0" in data:
        # No path and no name of git's has one, and the kernel takes neither.
        raise WorkdirRefused(Path(directory, name), "expected text; the file is damaged")
    return None if data is None else data.decode("utf-8", "surrogateescape").strip()


def _bytes(path: str, limit: int) -> bytes | None:
    """Return the content of a file of git, which may be a link; None where it has no content.

    :raises WorkdirRefused: something else than a file of that size is in its place. Not
        taken for missing: a branch that cannot be read is not a branch without commits.
    """
    try:
        return read_regular(path, limit, follow=True)
    except OSError as error:
        # A directory is how git keeps the names below a reference's own.
        if error.errno in NOT_REGULAR and not os.path.isdir(path):
            reason = f"{error.strerror}; mend or remove it"
            raise WorkdirRefused(Path(path), reason) from None
        return None


def differs_from_tree(
    staged: Iterable[bytes], stored: Iterable[bytes], *, submodules: bool = False
) -> bool:
    """Tell whether an index lists other files than a tree, or with ``submodules`` those alone.

    An index also says of each directory which tree it is. git believes that for a whole
    directory, so whoever wrote the index can hide there what is staged.

    :param staged: records of ``git ls-files --stage -z``.
    :param stored: records of ``git ls-tree -r -z``.
    """
    ours, theirs = (
        {each for each in found if (each[0] == _SUBMODULE) == submodules}
        for found in (_listed(staged, 1, b"0"), _listed(stored, 2, b""))
    )
    return ours != theirs


def _listed(
    records: Iterable[bytes], oid: int, stage: bytes
) -> Iterable[tuple[bytes, bytes, bytes, bytes]]:
    """Yield (mode, object, path, what is unusual) of each record."""
    for record in records:
        head, _, name = record.partition(b"\t")
        words = head.split(b" ")
        if len(words) == 3:
            yield words[0], words[oid], name, words[2].replace(stage, b"") if stage else b""
