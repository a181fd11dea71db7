"""All that a checkout holds, committed or not, as a list of files in an index of ours.

The checkout's own index stays as it is. A copy of it is only asked which files are unchanged
since git last looked. It is brought to HEAD first, and compared with HEAD entry by entry:
an agent may have written it. So what a snapshot leaves out is in no commit made of it either.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path

from ...kernel.files.regular_file import read_regular
from ...kernel.values import frozen
from ..checkouts.scratch_dirs import scratch_directory
from ..errors import GitFailed
from ..git.checkout import differs_from_tree
from ..git.command import ask_git, run_git
from ..git.submodules import submodule_work
from .place import IssueWork

# A whole working tree may have to be read.
SECONDS = 600.0
_MOST_INDEX = 256 * 1024 * 1024
_SUBMODULE = b"160000"
_LISTING = ("ls-files", "-z", "-v", "--stage", "--cached", "--others", "--exclude-standard")


@frozen
class Snapshot:
    """The files of a checkout in an index of ours.

    :param variables: what leads git to that index.
    :param left_out: one line for each thing that is in no snapshot.
    """

    work: IssueWork
    variables: Mapping[str, str]
    left_out: tuple[str, ...]

    def say(self, *arguments: str, timeout: float = SECONDS) -> bytes:
        """Ask git about it.

        :raises GitFailed: git cannot answer.
        """
        where = ("-C", os.fspath(self.work.top))
        return run_git(self.work.view, *where, *arguments, extra=self.variables, timeout=timeout)

    def tree(self) -> str:
        """Return the tree of all its files."""
        return self.say("write-tree").decode().strip()


@contextlib.contextmanager
def snapshot(work: IssueWork, *, store: bool = False) -> Generator[Snapshot]:
    """Take a snapshot of a checkout for a block; nothing is left of it afterwards.

    :param store: keep new content in the repository, as a commit of it needs.
    :raises GitFailed: git cannot read the checkout.
    """
    with scratch_directory() as scratch:
        variables = {"GIT_INDEX_FILE": f"{scratch}/index"}
        if not store:
            variables |= objects_aside(scratch, work.common_dir)
        found = Snapshot(work, variables, ())
        files = _at_head(found, scratch / "index")
        _take(found, files)
        yield Snapshot(work, variables, tuple(_left_out(work, files.repositories)))


def objects_aside(scratch: Path, common_dir: Path) -> dict[str, str]:
    """Return the variables by which git stores new objects in a directory of ours."""
    objects = scratch / "objects"
    (objects / "info").mkdir(parents=True)
    (objects / "info/alternates").write_bytes(os.fsencode(f"{common_dir}/objects\n"))
    return {"GIT_OBJECT_DIRECTORY": os.fspath(objects)}


@frozen
class _Files:
    """The files of a checkout.

    :param entries: what the index has, as ``git ls-files --stage`` says it.
    :param hidden: the index says of some file that git must not look at it.
    :param sparse: names that a sparse checkout left out.
    :param untracked: names that nothing ignores; directories with a repository end with "/".
    """

    entries: tuple[bytes, ...]
    hidden: bool
    sparse: frozenset[bytes]
    untracked: tuple[bytes, ...]

    @property
    def repositories(self) -> tuple[bytes, ...]:
        """Return the directories that hold a repository of their own."""
        return tuple(name for name in self.untracked if name.endswith(b"/"))


def _at_head(found: Snapshot, index: Path) -> _Files:
    """Bring the index of ours to HEAD, and list what lies in the checkout."""
    head = found.work.checkout.head
    to_head = ("read-tree", "--reset", head) if head else ("read-tree", "--empty")
    sparse: frozenset[bytes] = frozenset()
    if _copy_index(found.work.git_dir / "index", index):
        with contextlib.suppress(GitFailed):
            found.say(*to_head)
            files = _listed(found)
            sparse = files.sparse
            if not files.hidden and not _is_another(found, files.entries):
                return files
    index.unlink(missing_ok=True)
    found.say(*to_head)
    files = _listed(found)
    return _Files(files.entries, False, sparse, files.untracked)


def _copy_index(source: Path, target: Path) -> bool:
    """Copy an index with its time, by which git knows which entries it must not believe."""
    try:
        target.write_bytes(read_regular(source, _MOST_INDEX, follow=True))
        found = os.stat(source)
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    except OSError:
        return False
    return True


def _listed(found: Snapshot) -> _Files:
    sparse_checkout = ("core.sparsecheckout", "true") in found.work.view.settings
    top = os.fsencode(found.work.top)
    entries: list[bytes] = []
    untracked: list[bytes] = []
    sparse: set[bytes] = set()
    hidden = False
    for record in found.say(*_LISTING).split(b"\0"):
        mark, text = record[:2], record[2:]
        if mark == b"? ":
            untracked.append(text)
        elif mark:
            entries.append(text)
            name = text.partition(b"\t")[2]
            if mark == b"S " and sparse_checkout and not os.path.lexists(os.path.join(top, name)):
                sparse.add(name)
            elif mark != b"H ":
                hidden = True
    return _Files(tuple(entries), hidden, frozenset(sparse), tuple(untracked))


def _is_another(found: Snapshot, entries: Iterable[bytes]) -> bool:
    head = found.work.checkout.head
    stored = found.say("ls-tree", "-r", "-z", head).split(b"\0") if head else ()
    return differs_from_tree(entries, stored) or differs_from_tree(entries, stored, submodules=True)


def _take(found: Snapshot, files: _Files) -> None:
    """Compare each file, and take what differs; submodules stay as HEAD has them.

    ``git add`` would start a git in each submodule. This command starts none.
    """
    split = (entry.partition(b"\t") for entry in files.entries)
    names = [name for head, _, name in split if not head.startswith(_SUBMODULE)]
    names = [name for name in names if name not in files.sparse]
    names += [name for name in files.untracked if not name.endswith(b"/")]
    if not names:
        return
    words = ("-C", os.fspath(found.work.top), "update-index", "--add", "--remove", "--replace")
    answer = ask_git(
        found.work.view,
        *words,
        *("-z", "--stdin"),
        extra=found.variables,
        timeout=SECONDS,
        stdin=b"".join(name + b"\0" for name in names),
    )
    if answer.status != 0:
        raise GitFailed("update-index", found.work.top, answer.detail)


def _left_out(work: IssueWork, repositories: Iterable[bytes]) -> Iterator[str]:
    for name in repositories:
        yield f"{os.fsdecode(name)}: a repository of its own, left out"
    if (inner := submodule_work(work.checkout, work.view)) is not None:
        yield f"left out: {inner}; commit it there"
