"""The origin of a workspace and its workdir: ``workspace.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import cast

from ...kernel.values import asdict, frozen
from ..owner import DamagedRecord, is_text, parse_object
from ..paths import WorkspaceKey, is_branch_of

_TEXTS = (
    *("kind", "repo", "base", "branch", "tip", "chosen"),
    *("workdir", "git_dir", "removed_from", "created"),
)
_PATHS, _COMMITS = ("repo", "workdir", "git_dir", "removed_from"), ("base", "tip")
# What an agent made longer is not kept in memory.
_USUAL = 4096
_COMMIT = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"


class WorkdirKind(StrEnum):
    """The kind of directory that an agent works in: the caller's own, or one that we made."""

    LINKED = "linked"
    WORKTREE = "worktree"
    PLAIN = "plain"
    GIVEN = "given"


class WorkdirState(StrEnum):
    """How far our own workdir has come."""

    NEW = "new"
    PREPARING = "preparing"
    READY = "ready"


@frozen
class Provenance:
    """The exact key, how our own workdir was made, and which directory was used last.

    :param state: ``preparing`` from before the first step of making our own workdir until after
        the last. No agent has ever run in a workdir that is not ``ready``.
    :param repo: common git directory our own worktree belongs to.
    :param base: commit id its branch was started from.
    :param branch: the branch this workspace made; None for a plain directory.
    :param tip: commit id that branch is at while ``preparing``.
    :param chosen: the agent's own branch that the workdir is to be made on, until it is.
    :param kind: how the directory used last was come by; None while there is none.
    :param workdir: the directory used last.
    :param inode: (device, inode) of that directory.
    :param git_dir: git directory of that directory, where it is not our own.
    :param git_inode: (device, inode) of that one.
    :param after_create_due: the hook has not ended well yet in the directory used last.
    :param removing: its removal was begun, and no launch has come since.
    :param removed_from: where the workspace was, once it is being removed.
    """

    key: WorkspaceKey
    state: WorkdirState = WorkdirState.NEW
    kind: WorkdirKind | None = None
    repo: str | None = None
    base: str | None = None
    branch: str | None = None
    tip: str | None = None
    chosen: str | None = None
    workdir: str | None = None
    inode: tuple[int, int] | None = None
    git_dir: str | None = None
    git_inode: tuple[int, int] | None = None
    after_create_due: bool = False
    removing: bool = False
    removed_from: str | None = None
    created: str | None = None

    @property
    def own_kind(self) -> WorkdirKind | None:
        """Return what our own workdir is, or None while it is not ready."""
        if self.state is not WorkdirState.READY:
            return None
        return WorkdirKind.WORKTREE if self.branch is not None else WorkdirKind.PLAIN


def encode_provenance(record: Provenance) -> bytes:
    """Encode a record as readable JSON."""
    values = asdict(record)
    key = values.pop("key")
    return json.dumps({"v": 1, **key, **values}, indent=1).encode() + b"\n"


def parse_provenance(data: bytes) -> Provenance:
    """Parse what `encode_provenance` wrote; unknown keys are ignored.

    :raises DamagedRecord: the bytes are no such record.
    """
    return _parse_usual(data) if len(data) <= _USUAL else provenance_from(parse_object(data))


@lru_cache(maxsize=8)
def _parse_usual(data: bytes) -> Provenance:
    """Parse a record of a usual length: a launch reads the same one several times."""
    return provenance_from(parse_object(data))


def provenance_from(values: Mapping[str, object]) -> Provenance:
    """Return the record that a parsed object is.

    Whoever can write the file may have written it. Its contents are later given to git and to
    unlink(2), so they must be what only we could have written.

    :raises DamagedRecord: it is no such record.
    """
    key = [values.get(name) for name in ("project", "issue", "agent")]
    found = {name: values.get(name) for name in _TEXTS}
    if not all(is_text(part) for part in key):
        raise DamagedRecord("key")
    if not all(text is None or is_text(text) for text in found.values()):
        raise DamagedRecord("text")
    texts = cast("dict[str, str | None]", found)
    state, kind = _state_and_kind(values.get("state"), texts.pop("kind"))
    named = WorkspaceKey(*cast("list[str]", key))
    _check_places(texts)
    if texts["branch"] is not None and not is_branch_of(named, texts["branch"]):
        raise DamagedRecord("branch")
    return Provenance(
        named,
        state=state,
        kind=kind,
        inode=_inode(values.get("inode")),
        git_inode=_inode(values.get("git_inode")),
        after_create_due=values.get("after_create_due") is True,
        removing=values.get("removing") is True,
        **texts,
    )


def _state_and_kind(state: object, kind: str | None) -> tuple[WorkdirState, WorkdirKind | None]:
    try:
        return WorkdirState(cast("str", state)), None if kind is None else WorkdirKind(kind)
    except ValueError:
        raise DamagedRecord("state or kind") from None


def _check_places(texts: Mapping[str, str | None]) -> None:
    if not all((texts[name] or "/").startswith("/") for name in _PATHS):
        raise DamagedRecord("path")
    if not all(text is None or re.fullmatch(_COMMIT, text) for text in map(texts.get, _COMMITS)):
        raise DamagedRecord("commit")


def _inode(value: object) -> tuple[int, int] | None:
    if not isinstance(value, list):
        return None
    numbers = cast("list[object]", value)
    if len(numbers) != 2 or not all(isinstance(number, int) for number in numbers):
        return None
    device, inode = cast("list[int]", numbers)
    return device, inode
