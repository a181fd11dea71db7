"""The names that a shell completes: what there is at this moment, and nothing on any error.

A person waits for each press of a key. So only names of directories and small files of ours are
read, and not too many of them.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...kernel.errors import CodexlabError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]

_MOST = 2000
# A shell would take any other name apart.
_PLAIN = re.compile(r"[A-Za-z0-9._@:+-]+")


def complete_issues(
    _context: click.Context, _parameter: click.Parameter, beginning: str
) -> list[CompletionItem]:
    """Complete the name of an issue that has a workspace."""
    return _items(beginning, _issues)


def complete_runs(
    _context: click.Context, _parameter: click.Parameter, beginning: str
) -> list[CompletionItem]:
    """Complete an issue, or the id of a run that has not ended."""
    return _items(beginning, _issues, _live_runs)


def complete_files(
    _context: click.Context, _parameter: click.Parameter, beginning: str
) -> list[CompletionItem]:
    """Let the shell complete the name of a file."""
    return _made([beginning], kind="file")


def words_of(vocabulary: Iterable[str]) -> Complete:
    """Return what completes one of a few words."""

    def complete(
        _context: click.Context, _parameter: click.Parameter, beginning: str
    ) -> list[CompletionItem]:
        return _made(str(word) for word in vocabulary if str(word).startswith(beginning))

    return complete


def _items(beginning: str, *sources: Callable[[], Iterable[str]]) -> list[CompletionItem]:
    found: dict[str, None] = {}
    for source in sources:
        try:
            found |= dict.fromkeys(islice(source(), _MOST))
        except (CodexlabError, OSError):
            continue
    names = sorted(name for name in found if name.startswith(beginning))
    return _made(name for name in names if _PLAIN.fullmatch(name))


def _made(names: Iterable[str], kind: str = "plain") -> list[CompletionItem]:
    from click.shell_completion import CompletionItem  # a launch has no use for it

    return [CompletionItem(name, type=kind) for name in names]


def _issues() -> Iterator[str]:
    from .workspaces import configured_root

    for project in _directories(configured_root()):
        for place in _directories(project):
            # A name that is no directory's name as it is stands in the workspace's record.
            yield from _issues_at(place) if "+" in place.name else (place.name,)


def _issues_at(place: Path) -> Iterator[str]:
    from ...kernel.files.below import directory_below
    from ...workspace.fs import read_small
    from ...workspace.paths import directory_name
    from ...workspace.records.provenance import parse_provenance

    for workspace in _directories(place):
        control = workspace / ".codexlab"
        with (
            contextlib.suppress(OSError, CodexlabError),
            directory_below(str(control), str(place)) as fd,
        ):
            issue = parse_provenance(read_small("workspace.json", fd, control) or b"").key.issue
            if directory_name(issue) == place.name:
                yield issue


def _directories(place: Path) -> Iterator[Path]:
    try:
        with os.scandir(place) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    yield from (place / name for name in found if not name.startswith("."))


def _live_runs() -> Iterator[str]:
    from ...supervisor.records.registry import read_entries

    return (entry.run_id for entry in read_entries() if entry.finished is None)
