"""Uncommitted work in a checkout, whatever its repository or its index says of it.

git believes an index: what it says of a file's time and size, and what it was told not to look
at. So HEAD is read into an index of ours, and every file is compared. Rules that ignore files
are heard where they are committed or the user's own: an agent may have written all others.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...kernel.errors import CodexlabError
from ..fs import directory, read_small
from ..git.checkout import differs_from_tree
from ..git.command import LOOK_SECONDS, GitAnswer, ask_git
from .git_files import Unjudged, read_bytes
from .words import shown

# Of the repository none of these is heard: each can make git pass a change over.
FIXED = (
    *(("core.fileMode", "true"), ("core.symlinks", "true"), ("core.ignoreCase", "false")),
    *(("core.trustctime", "true"), ("core.checkStat", "default")),
    *(("core.precomposeUnicode", "false"), ("core.untrackedCache", "false")),
)
_STATUS = ("status", "--porcelain", "-z", "--ignore-submodules=all", "--no-renames")
_RULES = ("--", ":(glob)**/.gitignore")
# For a comparison of every file; the deadline of the whole judgement ends it before.
_COMPARE_SECONDS = 60.0
_MOST_RULES = 2000
# https://bford.info/cachedir/
_CACHE = b"Signature: 8a477f597d28d172789f06886806bc55"
Ask = Callable[..., GitAnswer]


@dataclass(frozen=True, slots=True)
class FoundCheckout:
    """A checkout to be judged.

    :param ask: asks git in it, hearing no configuration of its repository.
    :param head: commit it is at, or None before the first.
    :param index: its own index.
    :param exclude: its repository's ``info/exclude``, which is heard for links alone.
    """

    ask: Ask
    top: Path
    head: str | None
    index: Path
    exclude: Path


def uncommitted(found: FoundCheckout, scratch: Path) -> list[str]:
    """Say in a line what in a checkout is in no commit; nothing when all is.

    :param scratch: an empty directory of ours.
    :raises Unjudged: git cannot tell.
    :raises GitFailed: it did not answer in time.
    """
    own = {"GIT_INDEX_FILE": str(found.index)}
    links = set(read_bytes(found.exclude).split(b"\n"))
    records = _say(found, *_STATUS, "--untracked-files=normal", extra=own)
    if any(not _is_excluded_link(found, each, links) for each in records):
        return ["uncommitted changes"]
    listed = _say(found, "ls-files", "-v", "-z", extra=own)
    if hides_changes(found.top, listed) or _differs(found, listed, scratch) or _is_staged(found):
        return ["uncommitted changes"]
    if _is_in_no_object(found, listed):
        return ["files whose content is in no object of its repository"]
    names = _ignored_by_nobody(found, own, scratch)
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        first = shown(os.fsdecode(names[0]))
        return [f"files that only an uncommitted rule ignores ({first}{more})"]
    return []


def hides_changes(top: Path, listed: list[bytes]) -> bool:
    """Tell whether git was told not to look at a file that is there.

    :param listed: the answer of ``git ls-files -v -z``. Lower case is "assume unchanged". ``S``
        is "skip", which a sparse checkout says of files that are not there.
    """
    for record in listed:
        if record[:1].islower():
            return True
        if record[:2] == b"S " and os.path.lexists(os.path.join(os.fsencode(top), record[2:])):
            return True
    return False


def _differs(found: FoundCheckout, listed: list[bytes], scratch: Path) -> bool:
    """Compare every file with HEAD, by an index that knows of no file's time."""
    if found.head is None:
        return False
    ours = {"GIT_INDEX_FILE": str(scratch / "index")}
    _say(found, "read-tree", found.head, extra=ours)
    records = _say(found, *_STATUS, "--untracked-files=no", extra=ours, timeout=_COMPARE_SECONDS)
    skipped = {record[2:] for record in listed if record[:2] == b"S "}
    return any(record[:3] != b" D " or record[3:] not in skipped for record in records)


def _is_staged(found: FoundCheckout) -> bool:
    """Tell whether the index lists another content than HEAD; submodules are judged elsewhere.

    ``git status`` believes what an index says of whole directories, which is a list of its own.
    """
    if found.head is None:
        return False
    own = {"GIT_INDEX_FILE": str(found.index)}
    return differs_from_tree(
        _say(found, "ls-files", "--stage", "-z", extra=own),
        _say(found, "ls-tree", "-r", "-z", found.head, extra={}),
    )


def _is_in_no_object(found: FoundCheckout, listed: list[bytes]) -> bool:
    """Tell whether HEAD only names the content of a file that is there: git compares names."""
    if found.head is None:
        return False
    words = ("rev-list", "--objects", "--no-walk", "--missing=print", f"{found.head}^{{tree}}")
    said = b"\n".join(_say(found, *words, extra={}, timeout=_COMPARE_SECONDS))
    missing = {line[1:] for line in said.split(b"\n") if line.startswith(b"?")}
    if not missing:
        return False
    skipped = {record[2:] for record in listed if record[:2] == b"S "}
    for record in _say(found, "ls-tree", "-r", "-z", found.head, extra={}):
        head, _, name = record.partition(b"\t")
        if head.split(b" ")[2] in missing and name not in skipped:
            return True
    return False


def _ignored_by_nobody(found: FoundCheckout, own: dict[str, str], scratch: Path) -> list[bytes]:
    """Return the files that would be untracked by committed rules and the user's own alone."""
    if not _say(found, "ls-files", "--others", "-z", *_RULES, extra=own):
        return []  # every file of rules is a committed one
    tracked = _say(found, "ls-files", "-z", *_RULES, extra=own)
    if len(tracked) > _MOST_RULES:
        raise Unjudged("it has too many files with ignore rules")
    rules = scratch / "rules"
    shallow_first = sorted(tracked, key=lambda name: name.count(b"/"))
    rules.write_bytes(b"".join(line for name in shallow_first for line in _rules(found.top, name)))
    heard = [f"--exclude-from={path}" for path in (_users_rules(), rules) if path.is_file()]
    wanted = ("ls-files", "--others", "--directory", "--no-empty-directory", "-z")
    links = set(read_bytes(found.exclude).split(b"\n"))
    names = _say(found, *wanted, *heard, extra=own)
    return [
        name
        for name in names
        if not _is_excluded_link(found, b"?? " + name, links) and not _is_made_again(found, name)
    ]


def _is_made_again(found: FoundCheckout, name: bytes) -> bool:
    """Tell whether a directory says of itself that a tool makes it again.

    Test runners, linters and ``python -m venv`` put a rule into their own directories that
    ignores all of it. Without this, no workspace in which a test ran could ever be collected.
    """
    if not name.endswith(b"/"):
        return False
    try:
        with directory(found.top, *os.fsdecode(name).strip("/").split("/")) as fd:
            tag = read_small("CACHEDIR.TAG", fd, found.top) or b""
            return tag.startswith(_CACHE) or read_small("pyvenv.cfg", fd, found.top) is not None
    except (OSError, CodexlabError):
        return False


def _rules(top: Path, name: bytes) -> Iterator[bytes]:
    """Yield the rules of one committed file as they read at the top."""
    where = os.path.dirname(os.fsdecode(name))
    try:
        with directory(top, *filter(None, where.split("/"))) as fd:
            data = read_small(".gitignore", fd, top / where) or b""
    except (OSError, CodexlabError):
        return
    if "\n" in where:
        return  # it would read as two rules
    base = re.sub(rb"([\\*?\[\]])", rb"\\\1", os.fsencode(where))
    prefix = b"/" + base + b"/" if base else b"/"
    for each in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        # git reads a rule as far as a zero byte.
        line = each.removesuffix(b"\r").partition(b"\0")[0]
        # Slashes alone match nothing in git, and would match all behind a prefix.
        if not line.strip(b"!/ \t\r") or line.startswith(b"#"):
            continue
        negated, pattern = (b"!", line[1:]) if line.startswith(b"!") else (b"", line)
        anchored = b"/" in pattern.rstrip(b" ").rstrip(b"/")
        yield negated + prefix + (b"" if anchored else b"**/") + pattern.removeprefix(b"/") + b"\n"


def _users_rules() -> Path:
    """Return the user's own file of ignore rules for all repositories, there or not."""
    words = ("config", "--global", "--type=path", "--get", "core.excludesFile")
    said = os.fsdecode(ask_git(None, *words, timeout=LOOK_SECONDS).stdout).strip()
    if said.startswith("/"):
        return Path(said)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "git" / "ignore"


def _is_excluded_link(found: FoundCheckout, record: bytes, lines: set[bytes]) -> bool:
    """Tell whether an untracked name is a link that the repository excludes by name.

    So our links to artifacts are; a link holds no work.
    """
    name = record[3:]
    if record[:3] != b"?? " or not lines & {name, b"/" + name}:
        return False
    try:
        return stat.S_ISLNK(os.lstat(os.path.join(os.fsencode(found.top), name)).st_mode)
    except OSError:
        return False


def _say(
    found: FoundCheckout, *arguments: str, extra: dict[str, str], timeout: float = LOOK_SECONDS
) -> list[bytes]:
    answer = found.ask(*arguments, extra=extra, timeout=timeout)
    if answer.status != 0:
        raise Unjudged(answer.detail)
    return [record for record in answer.stdout.split(b"\0") if record]
