"""Heal a codex-home: every launch, idempotent, content left untouched.

Invariant: in a healthy home this only reads. What it adds are links into the shared
home, the managed keys, and for a fresh home a snapshot of the index. What is in the
way is renamed beside itself, never deleted or overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ...kernel.files.home_owner import give_named
from ...kernel.real_path import real_path
from ...kernel.values import frozen
from ..codex_config.file import heal_config, merge_shared_config, recorded_managed
from ..codex_config.managed import CONFIG, ConfigPlace, Managed
from ..codex_config.record import read_seen, shared_home_in
from ..codex_config.report import HealNotes, HealReport
from ..errors import HomeRefused, operator_errors
from ..fs import directory, sweep_temporaries
from ..paths import CONTROL, WorkspacePaths
from ..users_codex_home import SessionMode
from ..workdir.prepare import Workdir
from .credentials import heal_auth, heal_mcp_credentials
from .index_snapshot import seed_state
from .shared_entries import offer_all, offer_reference, without_effect
from .stores import heal_stores


@frozen
class GitWrite:
    """Lets codex's sandboxed tools commit in a linked worktree.

    Never the repository's ``hooks`` or ``config``: those run programs outside the sandbox.
    """

    git_dir: Path
    common_dir: Path

    def roots(self) -> tuple[Path, ...]:
        """Return the directories git writes into when it commits."""
        shared = (self.common_dir / name for name in ("objects", "refs", "logs"))
        return (self.git_dir, *(path for path in shared if path.is_dir()))


def git_write_for(workdir: Workdir) -> GitWrite | None:
    """Return the directories that ``--git-write`` opens; None outside a linked worktree.

    Elsewhere the git directory holds ``hooks`` and ``config`` itself.
    """
    git_dir, common_dir = workdir.git_dir, workdir.common_dir
    if git_dir is None or common_dir is None or git_dir == common_dir:
        return None
    return GitWrite(git_dir, common_dir)


def heal_codex_home(
    paths: WorkspacePaths,
    shared_home: Path,
    *,
    writable_roots: Sequence[Path | str] = (),
    exclude_names: Sequence[str] = (),
    sessions: SessionMode = SessionMode.SHARED,
    git_write: GitWrite | None = None,
    network: bool | None = None,
) -> HealReport:
    """Make the issue's codex-home right; the workspace must be claimed.

    :param shared_home: the caller's own codex home; made, 0700, when it is missing.
    :param writable_roots: directories that codex's sandbox may write beside the workdir.
    :param exclude_names: variables that codex must not hand to its tools.
    :param sessions: ``shared`` links the stores to the shared home's, ``issue`` keeps own ones.
    :param network: whether its tools reach the network in this launch; None: the user's own word,
        else they do.
    :raises HomeRefused: the shared home or a configuration cannot be used.
    :raises PathRefused: something else lies where a file of ours should be.
    """
    extra = git_write.roots() if git_write is not None else ()
    roots = dict.fromkeys(str(root) for root in (*writable_roots, *extra))
    _check_encoding(roots)
    managed = Managed(tuple(roots), tuple(dict.fromkeys(exclude_names)), network=network)
    return _heal(paths, shared_home, managed, sessions, merge=False)


def _check_encoding(roots: Iterable[str]) -> None:
    for root in roots:
        try:
            root.encode()
        except UnicodeEncodeError:
            raise HomeRefused(
                Path(root),
                "is not UTF-8, so codex's config.toml cannot name it as writable; rename it, or"
                " leave out what opens it (--git-write, the artifact root)",
            ) from None


def mend_codex_home(paths: WorkspacePaths, shared_home: Path, *, merge: bool = False) -> HealReport:
    """Heal by hand, between launches: managed keys and mode of the stores stay as they are.

    The workspace must be claimed.

    :param merge: also bring the shared configuration's changes into an edited one.
    """
    own = (paths.codex_home / "sessions").is_dir() and not (
        paths.codex_home / "sessions"
    ).is_symlink()
    return _heal(
        paths, shared_home, None, SessionMode.ISSUE if own else SessionMode.SHARED, merge=merge
    )


def _heal(
    paths: WorkspacePaths,
    shared_home: Path,
    managed: Managed | None,
    sessions: SessionMode,
    *,
    merge: bool,
) -> HealReport:
    notes = HealNotes()
    shared = _usable(shared_home, paths)
    with (
        directory(paths.base, *paths.names, "codex-home", create=True) as home_fd,
        directory(paths.base, *paths.names, CONTROL, create=True) as control_fd,
        operator_errors(paths.codex_home),
    ):
        place = ConfigPlace(home_fd, control_fd, paths.codex_home, shared, shared_home)
        former = shared_home_in(read_seen(control_fd, paths.codex_home))
        wanted = recorded_managed(place) if managed is None else managed
        sweep_temporaries(home_fd)
        heal_auth(home_fd, shared, notes)
        heal_mcp_credentials(home_fd, control_fd, shared, notes)
        heal_stores(home_fd, shared, sessions, notes)
        if sessions is SessionMode.SHARED:
            seed_state(home_fd, paths.codex_home, shared, notes)
        if merge:
            merge_shared_config(place, wanted, notes)
        references = heal_config(place, wanted, notes)
        offer_all(home_fd, shared, former, notes)
        for reference in references:
            offer_reference(reference, paths.codex_home, shared, notes)
        if managed is None or CONFIG in notes.created:
            notes.warnings.extend(without_effect(paths.codex_home, shared))
    return notes.freeze()


def _usable(shared_home: Path, paths: WorkspacePaths) -> Path:
    shared = Path(real_path(shared_home))
    if str(shared) == real_path(paths.codex_home):
        raise HomeRefused(
            shared, "is this issue's own codex-home; set CODEX_HOME to the shared one"
        )
    try:
        os.mkdir(shared, 0o700)
        give_named(shared)
    except FileExistsError:
        pass
    except OSError as error:
        reason = f"the shared codex home cannot be made ({error.strerror})"
        raise HomeRefused(shared_home, reason) from None
    if not shared.is_dir():
        raise HomeRefused(shared_home, "expected a directory, the shared codex home")
    if not os.access(shared, os.R_OK | os.X_OK):
        raise HomeRefused(
            shared_home, "the shared codex home cannot be read; check its permissions"
        )
    return shared
