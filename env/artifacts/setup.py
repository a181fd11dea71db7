"""Plan the files that ``codexlab artifacts setup`` would write, and write them.

Nothing tracked by git is written, and nothing global. Setup writes one ignored ``user.bazelrc`` in
the working tree, and directories below the artifact root. It adds a line to the repository's own
``info/exclude`` where no ignore rule covers that file yet.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ...kernel.files.atomic import replace_file, write_all
from ...kernel.files.home_owner import make_private_directory
from ...kernel.files.regular_file import (
    NOT_REGULAR,
    open_regular,
    read_regular,
    read_regular_if_any,
)
from ...kernel.libc import rename_noreplace
from ..artifact_root import ArtifactRoot
from ..cargo import safe_cargo_key
from ..targets.layout import Layout, below
from ..targets.root_dirs import make_below_root, path_of
from .bazel import bazel_lines, knows_contents_cache, merge_bazelrc
from .errors import SetupRefused
from .repository import Repository, ask_git, worktree_key

RC = "user.bazelrc"
_VERSION_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """The changes that setup would make.

    :param directories: missing directories below the root, to be made.
    :param rc_text: the new content of ``user.bazelrc``, or None when it stays as it is.
    :param exclude: the ``info/exclude`` that needs a line, or None.
    :param notes: one line each, for the person.
    """

    root: ArtifactRoot
    repository: Repository
    directories: tuple[Path, ...]
    rc: Path
    rc_text: str | None
    exclude: Path | None
    notes: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.directories or self.rc_text is not None or self.exclude)


def plan_setup(root: ArtifactRoot, layout: Layout, repository: Repository) -> SetupPlan:
    """Look at the present state and decide. Writes nothing.

    :raises SetupRefused: ``user.bazelrc`` is tracked, a link, or not ours to rewrite.
    """
    rc = repository.top / RC
    existing = _read_rc(rc)
    if ask_git(repository.top, "ls-files", "--error-unmatch", "--", RC) is not None:
        raise SetupRefused(str(rc), "git tracks this file, and machine paths must not be committed")
    lines = bazel_lines(
        layout,
        safe_cargo_key(worktree_key(repository)),
        contents_cache=knows_contents_cache(_read_version(repository.top / ".bazelversion")),
    )
    merged = merge_bazelrc(existing, lines, str(rc))
    ignored = ask_git(repository.top, "check-ignore", "--quiet", "--", RC) is not None
    return SetupPlan(
        root,
        repository,
        tuple(path for path in _wanted(layout) if not path.is_dir()),
        rc,
        merged if merged != existing else None,
        None if ignored else _exclude_file(repository),
        _notes(repository),
    )


def apply_setup(plan: SetupPlan) -> Path | None:
    """Carry the plan out: the ignore line first, so that git never sees the file.

    :returns: the backup of the previous ``user.bazelrc``, when there was one to keep.
    :raises SetupRefused: the file changed since it was looked at, or cannot be written.
    """
    if plan.exclude is not None:
        _add_line(plan.exclude, f"/{RC}")
    for path in plan.directories:
        make_below_root(plan.root, below(path_of(plan.root), path))
    if plan.rc_text is None:
        return None
    try:
        backup = _back_up(plan.rc)
        replace_file(str(plan.rc), plan.rc_text.encode("utf-8", "surrogateescape"), mode=0o644)
    except OSError as error:
        raise SetupRefused(str(plan.rc), error.strerror or "cannot be written") from None
    return backup


def _wanted(layout: Layout) -> tuple[Path, ...]:
    caches = [layout.package_cache(name) for name in ("pnpm-store", "npm-cache", "tmp")]
    bazel = ("disk-cache", "repository-cache", "repo-contents-cache", "output-base")
    return (*caches, *(layout.bazel(name) for name in bazel), layout.harness_output)


def _read_rc(rc: Path) -> str:
    try:
        return read_regular(rc).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        if error.errno in NOT_REGULAR:
            raise SetupRefused(str(rc), "not a regular file") from None
        raise SetupRefused(str(rc), error.strerror or "unreadable") from None


def _read_version(path: Path) -> str | None:
    # The file lies in the working tree, where an agent may have put anything.
    try:
        return read_regular(path, _VERSION_LIMIT, follow=True).decode(errors="replace")
    except OSError:
        return None


def _exclude_file(repository: Repository) -> Path:
    """Return the ``info/exclude`` git reads here; linked worktrees share the main one's."""
    # Do not ask with --git-path: it would resolve a link in the file's place.
    common = ask_git(repository.top, "rev-parse", "--path-format=absolute", "--git-common-dir")
    if common is None:
        raise SetupRefused(str(repository.top), "git does not say where its info/exclude is")
    return Path(common, "info/exclude")


def _add_line(path: Path, line: str) -> None:
    """Append to the file and keep its content; follow no link that an agent may have made."""
    linked = next((place for place in (path.parent, path) if place.is_symlink()), None)
    if linked is not None:
        raise SetupRefused(str(linked), "is a link, which is not followed; put a file in its place")
    try:
        path.parent.mkdir(exist_ok=True)
        content = read_regular_if_any(path)
        if line.encode() in (content or b"").splitlines():
            return
        gap = b"" if not content or content.endswith(b"\n") else b"\n"
        _append(path, gap + line.encode() + b"\n", is_new=content is None)
    except OSError as error:
        raise SetupRefused(str(path), error.strerror or "cannot be written") from None


def _append(path: Path, data: bytes, *, is_new: bool) -> None:
    if is_new:
        with contextlib.suppress(FileExistsError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(path, flags, 0o666))
    fd = open_regular(path, os.O_WRONLY | os.O_APPEND)
    try:
        write_all(fd, data)
    finally:
        os.close(fd)


def _back_up(rc: Path) -> Path | None:
    """Keep a copy beside our books, not in the tree: a backup there would show in git."""
    if not os.path.lexists(rc):
        return None
    from platformdirs import user_state_path

    keep = user_state_path("codexlab") / "backups"
    make_private_directory(keep)
    name = f"{rc.name}.{time.strftime('%Y%m%dT%H%M%S')}"
    temporary = keep / f".{name}.{os.getpid()}"
    replace_file(str(temporary), read_regular(rc))
    for number in range(1000):
        backup = keep / (name if not number else f"{name}.{number}")
        try:
            rename_noreplace(str(temporary), str(backup))
        except FileExistsError:
            continue
        return backup
    raise SetupRefused(str(keep), "too many backups of one second")


def _notes(repository: Repository) -> tuple[str, ...]:
    """Warn when nothing reads the file: Bazel reads it only if the .bazelrc imports it."""
    rc = repository.top / ".bazelrc"
    if not rc.is_file():
        return (f"no .bazelrc in {repository.top}: this is not a Bazel workspace, or not yet one",)
    text = read_regular(rc, follow=True).decode(errors="replace")
    if RC not in text:
        return (f".bazelrc does not read it; add: try-import %workspace%/{RC}",)
    return ()
