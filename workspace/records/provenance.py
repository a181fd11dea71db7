"""The origin of a workspace and its workdir: ``workspace.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, cast, get_args

from ...kernel.values import asdict, frozen
from ..owner import DamagedRecord, is_text, parse_object
from ..paths import WorkspaceKey, is_branch_of

WorkdirKind = Literal["linked", "worktree", "plain", "given"]
WorkdirState = Literal["new", "preparing", "ready"]

_TEXTS = (
    *("kind", "repo", "base", "branch", "tip", "chosen"),
    *("workdir", "git_dir", "removed_from", "created"),
)
_KINDS = (*get_args(WorkdirKind), None)
_PATHS, _COMMITS = ("repo", "workdir", "git_dir", "removed_from"), ("base", "tip")
# What an agent made longer is not kept in memory.
_USUAL = 4096
_COMMIT = r"[0-9a-f]{40}(?:[0-9a-f]{24})?"


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
    state: WorkdirState = "new"
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
        if self.state != "ready":
            return None
        return "worktree" if self.branch is not None else "plain"


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
    if values.get("state") not in get_args(WorkdirState) or texts["kind"] not in _KINDS:
        raise DamagedRecord("state or kind")
    named = WorkspaceKey(*cast("list[str]", key))
    _check_places(texts)
    if texts["branch"] is not None and not is_branch_of(named, texts["branch"]):
        raise DamagedRecord("branch")
    return Provenance(
        named,
        state=cast("WorkdirState", values["state"]),
        inode=_inode(values.get("inode")),
        git_inode=_inode(values.get("git_inode")),
        after_create_due=values.get("after_create_due") is True,
        removing=values.get("removing") is True,
        **texts,  # type: ignore[arg-type]  # kind was checked above
    )


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
