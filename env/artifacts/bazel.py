"""Bazel's caches through a ``user.bazelrc`` that git ignores: text in, text out.

Only a marked block is ours; the rest of the file is kept byte for byte. Bazel reads a bazelrc line
by line (bazel.build/run/bazelrc, Bazel 7). A line is blank, a ``#`` comment, ``import``, or a
command name with options, split as a shell would.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..targets.layout import Layout
from .errors import SetupRefused

BEGIN = "# BEGIN codexlab artifacts (generated; edits in this block are lost)"
END = "# END codexlab artifacts"
_BLOCK = re.compile(rf"^{re.escape(BEGIN)}\n.*?^{re.escape(END)}\n?", re.MULTILINE | re.DOTALL)


def knows_contents_cache(version: str | None) -> bool:
    """Tell whether Bazel of this ``.bazelversion`` has ``--repo_contents_cache`` (8.3.0).

    :param version: the file's text; None, or a name such as ``latest``, is taken as new.
    """
    match = re.match(r"\s*(\d+)\.(\d+)", version or "")
    return match is None or (int(match[1]), int(match[2])) >= (8, 3)


def bazel_lines(layout: Layout, worktree: str, *, contents_cache: bool = True) -> tuple[str, ...]:
    """Return the lines of the block.

    The caches are safe to share and stand under ``common``. The output base is a *startup* option,
    which ``common`` does not take. Each worktree has an output base of its own: with a shared one,
    two worktrees would kill each other's server in turn.

    :param worktree: a path component that names the worktree.
    :param contents_cache: whether this Bazel knows that option; an unknown option is an error to
        it, even under ``common``.
    """
    bases = layout.bazel("output-base") / worktree
    options = (
        ("common", "disk_cache", layout.bazel("disk-cache")),
        ("common", "repository_cache", layout.bazel("repository-cache")),
        ("common", "repo_contents_cache", layout.bazel("repo-contents-cache")),
        ("startup", "output_user_root", layout.bazel("output-user-root")),
        ("startup", "output_base", bases),
    )
    return tuple(
        f"{command} --{name}={_quote(path)}"
        for command, name, path in options
        if contents_cache or name != "repo_contents_cache"
    )


def merge_bazelrc(existing: str, lines: tuple[str, ...], path: str) -> str:
    """Put the block into the file's text, in the place where one was, else at the end.

    :raises SetupRefused: the markers in ``existing`` do not pair up.
    """
    begins, ends = existing.count(BEGIN), existing.count(END)
    if (begins, ends) not in ((0, 0), (1, 1)) or (begins and not _BLOCK.search(existing)):
        raise SetupRefused(path, "the markers of codexlab's block do not pair up")
    block = "\n".join((BEGIN, *lines, END)) + "\n"
    if begins:
        return _BLOCK.sub(lambda _: block, existing)
    separator = "" if not existing or existing.endswith("\n") else "\n"
    return existing + separator + block


def _quote(path: Path) -> str:
    r"""Quote for Bazel's tokenizer: in double quotes ``\`` keeps the next character."""
    text = str(path)
    if re.fullmatch(r"[A-Za-z0-9_./+@:,=-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
