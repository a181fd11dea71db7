"""What an issue's work changed since its base, committed or not; looking changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from ...kernel.values import frozen
from .base import base_of
from .place import IssueWork
from .snapshot import Snapshot, snapshot

_DIFF = (
    *("diff", "--cached", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short"),
    "--ignore-submodules=none",
)


class DiffForm(StrEnum):
    """How a difference is written."""

    PATCH = "--patch"
    STAT = "--stat"
    NAMES = "--name-only"


@frozen
class ChangedFile:
    """One file that the work changed.

    :param status: git's letter: ``A`` added, ``D`` deleted, ``M`` modified, ``T`` another kind.
    :param added: lines; None for a binary file.
    :param removed: likewise.
    """

    path: bytes
    status: str
    added: int | None
    removed: int | None


@frozen
class WorkDiff:
    """What an issue's work changed.

    :param base: commit it is compared with; None for all of it.
    :param text: as git writes it, with the bytes of the files; empty where it was not asked for.
    :param files: empty where they were not asked for.
    :param left_out: one line for each thing that is not compared.
    """

    base: str | None
    text: bytes = b""
    files: tuple[ChangedFile, ...] = ()
    left_out: tuple[str, ...] = ()


def diff_text(
    work: IssueWork, form: DiffForm = DiffForm.PATCH, paths: Sequence[str] = (), width: int = 80
) -> WorkDiff:
    """Return the difference as git writes it. No file of the checkout is changed, nor its index.

    :param paths: pathspecs of git, from the top of the checkout; all files if empty.
    :param width: columns of a table.
    :raises GitFailed: git cannot tell, or the text is longer than 256 MiB.
    """
    base = base_of(work)
    shape = (f"--stat={width}",) if form is DiffForm.STAT else (form.value,)
    with snapshot(work) as now:
        said = now.say(*_DIFF, *shape, _since(now, base), "--", *paths)
        return WorkDiff(base, text=said, left_out=now.left_out)


def diff_files(work: IssueWork, paths: Sequence[str] = ()) -> WorkDiff:
    """Return the files that the work changed, and by how many lines; see `diff_text`."""
    base = base_of(work)
    with snapshot(work) as now:
        asked = (_since(now, base), "--", *paths)
        said = now.say(*_DIFF, "--no-renames", "--raw", "--numstat", "-z", *asked)
        return WorkDiff(base, files=_files(said), left_out=now.left_out)


def _since(now: Snapshot, base: str | None) -> str:
    # The tree without any file: its name depends on how the repository names its objects.
    return base or now.say("hash-object", "-t", "tree", "--stdin").decode().strip()


def _files(said: bytes) -> tuple[ChangedFile, ...]:
    letters: dict[bytes, str] = {}
    lines: dict[bytes, tuple[int | None, int | None]] = {}
    records = iter(said.split(b"\0"))
    for record in records:
        if record.startswith(b":"):
            letters[next(records)] = record.split(b" ")[4].decode()
        elif record:
            added, removed, name = record.split(b"\t", 2)
            lines[name] = (_number(added), _number(removed))
    return tuple(ChangedFile(name, letters[name], *lines[name]) for name in lines)


def _number(text: bytes) -> int | None:
    return None if text == b"-" else int(text)
