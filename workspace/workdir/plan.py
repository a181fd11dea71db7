"""Decide which directory the agent works in. Reads only; ``--dry-run`` shows the result."""

from __future__ import annotations

import os
import stat
from dataclasses import field
from pathlib import Path

from ...kernel.values import frozen, replace
from ...kernel.xdg import cache_directory, state_directory
from ..errors import GitFailed, WorkdirRefused
from ..fs import directory, read_small
from ..git.checkout import Checkout, StartKind, inspect_checkout
from ..git.command import ask_git
from ..git.config import read_facts
from ..git.files import check_shared_files
from ..git.known_git_dir import change_since, git_dir_now, known_git_dir
from ..git.pointers import changed_pointers, kept_pointers
from ..git.state import is_dirty
from ..git.trusted_owner import check_owner
from ..git.view import view_at
from ..owner import DamagedRecord
from ..paths import CONTROL, WorkspacePaths, branch_name
from ..records.provenance import Provenance, WorkdirKind, parse_provenance
from ..repository.project import is_url


@frozen
class WorkdirPlan:
    """The steps that will prepare the workdir.

    :param kind: ``linked`` supervise the worktree started in; ``worktree`` our own on
        a branch; ``plain`` a directory of ours, ``git init``ed; ``given`` somebody else's.
    :param path: the workdir.
    :param repo: common git directory of the repository, where there is one.
    :param base: commit id a new branch starts from.
    :param branch: ``codexlab/<issue>/<agent>`` for our own worktree, as far as can be told
        now: whoever makes that branch first has it, see `expect_branch`.
    :param created: the directory does not exist yet and will be made.
    :param notes: what the user should know, one line each.
    :param url: where ``repo``, then a cache of ours, is fetched from first. May hold
        credentials: never shown.
    :param base_name: what to start from once it is fetched; None for the default branch.
    :param yours: the directory started in, where its git directory is another one than noted.
    """

    kind: WorkdirKind
    path: Path
    repo: Path | None = None
    base: str | None = None
    branch: str | None = None
    created: bool = False
    notes: tuple[str, ...] = ()
    url: str | None = field(default=None, repr=False)
    base_name: str | None = None
    yours: Path | None = None


def choose_workdir(
    start: Checkout,
    paths: WorkspacePaths,
    *,
    base: str | None = None,
    no_repo: bool = False,
    repo: str | None = None,
    workdir: Path | None = None,
) -> WorkdirPlan:
    """Choose the workdir for a launch from ``start`` with these flags.

    What the workspace already has is continued: flags that contradict it are
    refused, and ``base`` then only yields a note.

    :param repo: ``--repo``: path of a local repository, or a URL.
    :raises WorkdirRefused: flags contradict each other or the workspace.
    :raises GitFailed: git cannot answer.
    """
    _exclude(base=base, no_repo=no_repo, repo=repo, workdir=workdir)
    if workdir is not None:
        _check_put_back(start)
        return _given(workdir)
    _check_put_back(start)
    stored = _stored(paths)
    if no_repo:
        return _own_plain(paths, stored)
    if repo is not None and is_url(repo):
        return _from_url(repo, paths, stored, base)
    if repo is not None:
        return _own_worktree(_local_repository(repo), paths, stored, base, chosen=True)
    if start.top is not None and start.top == Path(os.path.realpath(paths.workdir)):
        return _reuse(paths, stored, base)
    if start.kind is StartKind.LINKED and not _is_in_workspace(start):
        return _in_place(start, base, paths)
    if start.kind is StartKind.OUTSIDE:
        return _reuse(paths, stored, base) if stored else _own_plain(paths, stored)
    return _telling_change(start, _own_worktree(start, paths, stored, base))


def _telling_change(start: Checkout, plan: WorkdirPlan) -> WorkdirPlan:
    """Tell where a linked worktree of the user's became a repository: the next one hears it."""
    if start.top is None:
        return plan
    change = change_since(
        start.top, known_git_dir(state_directory(), start.top), git_dir_now(start)
    )
    return plan if change is None else replace(plan, notes=(*plan.notes, change), yours=start.top)


def _check_put_back(start: Checkout) -> None:
    """Refuse to believe a worktree's entry in which a run changed what leads git elsewhere."""
    if start.top is None or start.git_dir == start.top / ".git":
        return
    status = os.stat(start.top)
    kept = kept_pointers(state_directory(), (status.st_dev, status.st_ino))
    if kept is not None and (changed := changed_pointers(kept)):
        reason = f"a run with --git-write changed {', '.join(changed)} of {kept.git_dir}"
        raise WorkdirRefused(start.top, f"{reason}; 'codexlab reap' restores it")


def _is_in_workspace(start: Checkout) -> bool:
    """Tell whether a worktree lies in a workspace, so that it is some task's and not a person's."""
    assert start.top is not None
    return any(os.path.lexists(above / CONTROL / "workspace.json") for above in start.top.parents)


def _exclude(**flags: object) -> None:
    given = [name for name in ("workdir", "no_repo", "repo", "base") if flags[name]]
    pair = set(given)
    if len(given) < 2 or pair == {"repo", "base"}:
        return
    spelled = " and ".join("--" + name.replace("_", "-") for name in given)
    raise WorkdirRefused(spelled, "exclude each other")


def _given(workdir: Path) -> WorkdirPlan:
    found = inspect_checkout(workdir)
    link = _link_to(workdir)
    notes: tuple[str, ...] = ()
    if link is not None:
        remark = "if you did not make that link, an agent did"
        notes = (f"--workdir {workdir}: {link} is a link, and leads to {found.cwd}; {remark}",)
    return WorkdirPlan(WorkdirKind.GIVEN, found.cwd, found.common_dir, notes=notes)


def _link_to(workdir: Path) -> Path | None:
    """Return the link that a given path goes through, where an agent of this user could make it."""
    place = workdir.absolute()
    for step in (*reversed(place.parents), place):
        status = os.lstat(step)
        if stat.S_ISLNK(status.st_mode) and status.st_uid == os.getuid():
            return step
    return None


def _in_place(start: Checkout, base: str | None, paths: WorkspacePaths) -> WorkdirPlan:
    assert start.top is not None
    if base is not None:
        reason = "has no meaning inside a linked worktree, which is supervised in place"
        raise WorkdirRefused("--base", reason)
    from .former_project import former_project_note

    notes = former_project_note(start, paths)
    return WorkdirPlan(
        WorkdirKind.LINKED, start.top, start.common_dir, None, start.branch, notes=notes
    )


def _own_plain(paths: WorkspacePaths, stored: Provenance | None) -> WorkdirPlan:
    if stored is not None and stored.own_kind is WorkdirKind.WORKTREE:
        reason = f"this issue already works in a worktree of {stored.repo}; choose another issue"
        raise WorkdirRefused("--no-repo", reason)
    return WorkdirPlan(WorkdirKind.PLAIN, paths.workdir, created=not os.path.lexists(paths.workdir))


def _reuse(paths: WorkspacePaths, stored: Provenance | None, base: str | None) -> WorkdirPlan:
    if stored is None or stored.own_kind is None:
        raise WorkdirRefused(paths.workdir, "its workspace.json does not know it")
    if stored.own_kind is WorkdirKind.PLAIN:
        return _own_plain(paths, stored)
    if not os.path.isdir(stored.repo or ""):
        reason = f"its repository {stored.repo} is gone; if it was moved, start in it"
        raise WorkdirRefused(paths.workdir, reason)
    repository = inspect_checkout(Path(stored.repo or ""))
    return _own_worktree(repository, paths, stored, base)


def _own_worktree(
    source: Checkout,
    paths: WorkspacePaths,
    stored: Provenance | None,
    base: str | None,
    *,
    chosen: bool = False,
) -> WorkdirPlan:
    common = source.common_dir
    assert common is not None
    check_owner(source)
    if stored is not None and stored.own_kind is not None:
        _same_repository(common, stored, paths)
        return _own_again(common, paths, stored, _base_note(common, stored, base))
    return _new_worktree(source, common, paths, base, chosen=chosen)


def _new_worktree(
    source: Checkout, common: Path, paths: WorkspacePaths, base: str | None, *, chosen: bool
) -> WorkdirPlan:
    # Here: only the first launch of a workspace needs them.
    from ..repository.branch import expect_branch
    from .former_project import former_project_note

    check_shared_files(common, "worktree add")
    oid = _resolve_base(source, base)
    notes = former_project_note(source, paths)
    if not (base or chosen):
        notes += _left_behind(source)
    branch, other = expect_branch(common, paths, state_directory())
    if other is not None:
        notes += (f"branch {branch_name(paths)} belongs to {other}; this one gets {branch}",)
    return WorkdirPlan(
        WorkdirKind.WORKTREE, paths.workdir, common, oid, branch, created=True, notes=notes
    )


def _own_again(
    common: Path, paths: WorkspacePaths, stored: Provenance, notes: tuple[str, ...]
) -> WorkdirPlan:
    """Take up the worktree there is; where it was lost it comes back on its branch."""
    lost = not os.path.lexists(paths.workdir)
    base, branch = stored.base, stored.branch
    return WorkdirPlan(
        WorkdirKind.WORKTREE, paths.workdir, common, base, branch, created=lost, notes=notes
    )


def _same_repository(common: Path, stored: Provenance, paths: WorkspacePaths) -> None:
    if stored.own_kind is WorkdirKind.PLAIN:
        reason = "this issue already works in a plain directory; use --no-repo or another issue"
        raise WorkdirRefused(paths.workdir, reason)
    if stored.repo != str(common) and not is_worktree_of(paths.workdir, common):
        reason = f"is a worktree of {stored.repo}, not of {common}; choose another issue or project"
        raise WorkdirRefused(paths.workdir, reason)


def is_worktree_of(workdir: Path, common: Path) -> bool:
    """Tell whether a repository names a workdir as its own, as after it was moved.

    Asked of the repository alone: what the workdir's ``.git`` says, its agent may have written.
    """
    from ..git.worktree_entry import entries, marker_of  # here: rarely needed

    marker = marker_of(workdir)
    return any(entry.pointer == marker for entry in entries(common))


def _resolve_base(source: Checkout, base: str | None) -> str:
    place = source.top or source.common_dir
    assert place is not None
    if base is None:
        if source.head is None:
            reason = "has no commit yet, so no worktree can be made; commit first or use --no-repo"
            raise WorkdirRefused(place, reason)
        return source.head
    assert source.git_dir is not None
    assert source.common_dir is not None
    view = view_at(source.git_dir, source.common_dir)
    answer = ask_git(
        view, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}"
    )
    if answer.status != 0:
        raise WorkdirRefused(f"--base {base}", f"names no commit in {place}")
    return answer.stdout.decode().strip()


def _base_note(common: Path, stored: Provenance, base: str | None) -> tuple[str, ...]:
    if base is None:
        return ()
    source = Checkout(common, StartKind.BARE, None, common, common)
    if _resolve_base(source, base) == stored.base:
        return ()
    return (f"--base {base} ignored: the worktree exists and is never moved",)


def _left_behind(source: Checkout) -> tuple[str, ...]:
    top, git_dir, common_dir = source.top, source.git_dir, source.common_dir
    if top is None or git_dir is None or common_dir is None:
        return ()
    if read_facts(os.fspath(git_dir), os.fspath(common_dir)).bare:
        return ()  # only its worktrees have files
    notes: list[str] = []
    try:
        if is_dirty(source, view_at(git_dir, common_dir, top)):
            notes.append(f"your uncommitted changes in {top} stay behind")
    except GitFailed as error:
        notes.append(f"uncommitted changes, if there are any, stay behind ({error})")
    if os.path.lexists(top / ".gitmodules"):
        notes.append("submodules are not checked out in the new worktree")
    return tuple(notes)


def _from_url(
    url: str, paths: WorkspacePaths, stored: Provenance | None, base: str | None
) -> WorkdirPlan:
    from ..repository.url_cache import cache_path, public_url

    cache = cache_path(url, cache_directory())
    if stored is not None and stored.own_kind is not None:
        _same_repository(cache, stored, paths)
        return _own_again(cache, paths, stored, ())
    return WorkdirPlan(
        kind=WorkdirKind.WORKTREE,
        path=paths.workdir,
        repo=cache,
        branch=branch_name(paths),
        created=True,
        notes=(f"{public_url(url)} is fetched into {cache}",),
        url=url,
        base_name=base,
    )


def _local_repository(repo: str) -> Checkout:
    found = inspect_checkout(Path(repo))
    if found.common_dir is None:
        raise WorkdirRefused(f"--repo {repo}", "is not a git repository")
    return found


def _stored(paths: WorkspacePaths) -> Provenance | None:
    """Return the record of a workspace that has a workdir of its own, or None."""
    try:
        with directory(paths.base, *paths.names, CONTROL) as control_fd:
            data = read_small(paths.provenance.name, control_fd, paths.provenance)
        record = parse_provenance(data or b"")
    except (FileNotFoundError, DamagedRecord):
        return None
    return record if record.own_kind is not None else None
