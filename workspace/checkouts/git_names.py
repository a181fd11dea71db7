"""What lies in a git directory that git does not make there: it goes with it, so it is work.

By name, and in ``refs`` and ``logs``, where names are free, by how a file begins. Links count:
what git makes are files and directories. What a template of the user's put there is known.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ...kernel.files.regular_file import open_regular
from ..git.command import LOOK_SECONDS, ask_git
from .git_files import files_below
from .words import shown

_MOST, _LONGEST = 1_000_000, 4096
_LOCK = r"(?:\.lock)?"
_HOOKS = (
    r"applypatch-msg|(?:pre|post)-(?:applypatch|commit|merge|rebase|checkout|receive|update|rewrite)"
    r"|pre-merge-commit|prepare-commit-msg|commit-msg|pre-push|update|proc-receive|p4-[a-z-]+"
    r"|reference-transaction|push-to-checkout|pre-auto-gc|sendemail-validate|fsmonitor-watchman"
    r"|post-index-change"
)
# gitrepository-layout(5), what git's commands leave beside it, git-lfs, and codex.
_KNOWN = (
    r"(?:ORIG_|FETCH_|MERGE_|CHERRY_PICK_|REVERT_|REBASE_)?HEAD" + _LOCK,
    r"BISECT_(?:LOG|NAMES|EXPECTED_REV|ANCESTORS_OK|TERMS|START|RUN|HEAD|FIRST_PARENT)",
    r"(?:AUTO_MERGE|MERGE_(?:MSG|MODE|RR|AUTOSTASH)|SQUASH_MSG|NOTES_MERGE_(?:PARTIAL|REF))"
    + _LOCK,
    r"(?:(?:COMMIT|TAG|NOTES|MERGE)_EDITMSG|EDIT_DESCRIPTION|GITGUI_\w+)",
    r"(?:index|config|config\.worktree|description|packed-refs|shallow|gc\.(?:log|pid))" + _LOCK,
    r"(?:codex-thread\.json|gitdir|commondir|locked|git-daemon-export-ok|gitk\.cache|packed-refs\.new)"
    + _LOCK,
    r"sharedindex[._]\w+|(?:next-)?index[.-](?:stash\.)?\d+(?:\.lock)?|fsmonitor--daemon(?:\.ipc)?",
    r"info/(?:exclude|attributes|grafts|refs|sparse-checkout)" + _LOCK,
    rf"hooks/(?:{_HOOKS})(?:\.sample|\.legacy)?",
    r"objects/[0-9a-f]{2}/(?:[0-9a-f]{38}|[0-9a-f]{62}|tmp_obj_\w+)|objects/(?:pack/)?tmp_\w+",
    r"objects/pack/(?:pack-[0-9a-f]+\.[a-z]+|\.tmp-[\w.-]+|multi-pack-index[\w.-]*)",
    r"objects/info/(?:packs|alternates|http-alternates|commit-graph|commit-graphs/[\w.-]+)" + _LOCK,
    r"rr-cache/[0-9a-f]+/(?:pre|post|this)image(?:\.\d+)?|reftable/(?:[\w-]+\.ref|tables\.list)"
    + _LOCK,
    r"lfs/(?:objects/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}|(?:tmp|cache|logs|incomplete)/.*|\w+\.db)",
    r"(?:modules|worktrees|rebase-merge|rebase-apply|sequencer)/.*",
)
# Looked at elsewhere: as repositories, as worktrees' entries, or as unfinished work.
_NOT_ENTERED = frozenset(("modules", "worktrees", "rebase-merge", "rebase-apply", "sequencer"))
_BEGINNINGS = {
    "refs": rb"(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\s*\Z|ref: ?refs/[^\s]+\s*\Z|\Z",
    "logs": rb"(?:[0-9a-f]{40}|[0-9a-f]{64}) (?:[0-9a-f]{40}|[0-9a-f]{64}) |\Z",
}


def nobodys_files(git_dir: Path) -> list[str]:
    """Say which names in a git directory, or in a worktree's entry, are not git's.

    :raises Unjudged: it cannot be looked through.
    """
    many = "its git directory has too many files"
    names = files_below(git_dir, "", _MOST, many, but=_NOT_ENTERED)
    found = [name for name in names if not _is_gits(git_dir, name)]
    if not found:
        return []
    template = _template()
    if template is not None:
        found = [name for name in found if not os.path.lexists(template / name)]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return [f"{shown(found[0])}{more} in its git directory"] if found else []


def _is_gits(git_dir: Path, name: str) -> bool:
    beginning = _BEGINNINGS.get(name.partition("/")[0])
    if beginning is None or name.endswith(".lock"):
        return any(re.fullmatch(known, name) for known in _KNOWN) or name.startswith("refs/")
    try:
        fd = open_regular(git_dir / name)
    except OSError:
        return False
    try:
        is_long = name.startswith("refs/") and os.fstat(fd).st_size > _LONGEST
        return not is_long and re.match(beginning, os.read(fd, _LONGEST)) is not None
    except OSError:
        return False
    finally:
        os.close(fd)


def _template() -> Path | None:
    """Return the user's own directory of what a new repository begins with."""
    words = ("config", "--global", "--type=path", "--get", "init.templateDir")
    said = os.fsdecode(ask_git(None, *words, timeout=LOOK_SECONDS).stdout).strip()
    return Path(said) if said.startswith("/") else None
