"""Ask git about a repository that an agent wrote, without that repository's configuration.

git runs with a git directory of ours, made for one question: our configuration, the
references as we read them, and no hooks. From the repository come objects and an index, which
are data. So nothing it says can start a program, fetch, or name another working tree.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..git.command import LOOK_SECONDS, GitAnswer, ask_git
from .git_files import Unjudged, read_bytes
from .scratch_dirs import scratch_directory

_CONFIG = """[core]
\trepositoryformatversion = 1
\tbare = false
\tfsmonitor = false
\tcommitGraph = false
\tuntrackedCache = false
\thooksPath = /dev/null
\tattributesFile = /dev/null
[extensions]
\tobjectFormat = {format}
[protocol]
\tallow = never
"""


@dataclass(frozen=True, slots=True)
class Neutral:
    """A git directory of ours that lends a repository's objects.

    :param place: our git directory.
    :param store: the repository's common git directory.
    """

    place: Path
    store: Path

    def ask(
        self,
        *arguments: str,
        extra: Mapping[str, str] | None = None,
        timeout: float = LOOK_SECONDS,
        lines: Iterable[str] = (),
    ) -> GitAnswer:
        """Run git; see `ask_git`."""
        surroundings = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_OBJECT_DIRECTORY": str(self.store / "objects"),
            "GIT_NO_REPLACE_OBJECTS": "1",
            **(extra or {}),
        }
        where = f"--git-dir={self.place}"
        return ask_git(
            self.place, where, *arguments, extra=surroundings, timeout=timeout, lines=lines
        )

    def count(self) -> int:
        """Return how many commits only references in ``own`` reach.

        :raises Unjudged: git cannot tell, as where objects are missing.
        """
        wanted = ("--glob=refs/own/*", "--not", "--glob=refs/elsewhere/*")
        answer = self.ask("rev-list", "--count", *wanted)
        if answer.status != 0:
            raise Unjudged(answer.detail)
        return int(answer.stdout)

    def others(self, since: int | None) -> int:
        """Return how many references in ``own`` are tags with a text, or at no commit.

        :param since: when the repository was cloned (seconds since the epoch), if it was:
            tags that are older came with it.
        :raises Unjudged: git cannot tell.
        """
        form = "--format=%(objecttype) %(taggerdate:unix)"
        answer = self.ask("for-each-ref", form, "refs/own/")
        if answer.status != 0:
            raise Unjudged(answer.detail)
        found = [
            line.partition(" ") for line in answer.stdout.decode("ascii", "replace").splitlines()
        ]
        return sum(kind != "commit" and not _is_older(made, since) for kind, _, made in found)


def _is_older(made: str, since: int | None) -> bool:
    return since is not None and made.isascii() and made.isdigit() and int(made[:15]) < since


@contextlib.contextmanager
def neutral(
    store: Path, *, own: Iterable[str], elsewhere: Iterable[str], head: str | None = None
) -> Generator[Neutral]:
    """Make such a directory for a block.

    :param own: commits that would go with the repository; `Neutral.count` counts from them.
    :param elsewhere: commits that would not.
    :param head: commit that HEAD is at.
    """
    lists = {"own": sorted(set(own)), "elsewhere": sorted(set(elsewhere))}
    names = [f"{oid} refs/{kind}/{n}" for kind, oids in lists.items() for n, oid in enumerate(oids)]
    known = next((oid for oid in (head, *lists["own"], *lists["elsewhere"]) if oid), "")
    with scratch_directory() as place:
        (place / "refs").mkdir()
        (place / "info").mkdir()
        (place / "HEAD").write_text(f"{head or 'ref: refs/heads/none'}\n")
        object_format = "sha256" if len(known) == 64 else "sha1"
        (place / "config").write_text(_CONFIG.format(format=object_format))
        # Sorted as git writes it, which looks names up by halving.
        packed = sorted(names, key=lambda line: line.partition(" ")[2])
        (place / "packed-refs").write_text("".join(f"{line}\n" for line in packed))
        # Not info/exclude: whoever wrote the repository could hide work by it.
        if data := read_bytes(store / "shallow"):
            (place / "shallow").write_bytes(data)
        yield Neutral(place, store)
