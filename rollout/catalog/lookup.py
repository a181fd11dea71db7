"""Find one rollout by thread id, by the beginning of one, or by path.

The names on disk decide. codex's state database is asked last, for rollouts that
lie where no scan looks. It is believed only if the file it names exists in one of the
home's stores and names the thread itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from ...kernel.errors import CallerError
from ..reading.session_meta import SessionMetaError, read_session_meta
from ..reading.snapshot import NoSuchRolloutError
from ..store.names import COMPRESSED_SUFFIX, is_thread_id, parse_rollout_name
from ..store.rollout_ref import RolloutRef
from ..store.roots import RootName
from ..store.scan import scan_store
from .pieces import began, take_threads

_PREFIX = re.compile(r"[0-9a-f][0-9a-f-]{3,35}")
_SHOWN = 3


class NoSuchThreadError(CallerError):
    """Nothing in a home answers to a name.

    :param given: what was asked for.
    :param home: where it was looked for.
    """

    def __init__(self, given: str, home: str) -> None:
        self.given, self.home = given, home
        super().__init__(
            f"no rollout of {given!r} in {home}: expected a thread id, at least 4 digits of its"
            " beginning, or a path; see `codexlab rollout list`"
        )


class AmbiguousThreadError(CallerError):
    """The beginning of a thread id fits several threads.

    :param given: what was asked for.
    :param threads: the ids that it fits, sorted.
    """

    def __init__(self, given: str, threads: list[str]) -> None:
        self.given, self.threads = given, threads
        more = f" and {len(threads) - _SHOWN} more" if len(threads) > _SHOWN else ""
        super().__init__(
            f"{given!r} is the beginning of {len(threads)} thread ids:"
            f" {', '.join(threads[:_SHOWN])}{more}; give more digits"
        )


def find_thread(home: str | os.PathLike[str], thread_id: str) -> RolloutRef | None:
    """Find the rollout in which a thread goes on.

    A thread that was reverted has several; the one that says that it began last wins, and
    an active one wins over an archived one.

    :param thread_id: a whole UUID; None is returned for anything else.
    :returns: None when no rollout of it exists in either form. A file that just
        changes form is found.
    """
    if not is_thread_id(thread_id):
        return None
    wanted = thread_id.lower()
    scan = scan_store(home, containing=wanted)
    found = newest_by_thread(r for r in scan.rollouts if r.thread_id == wanted)
    return found.get(wanted) or _by_database(os.fspath(home), wanted)


def resolve_rollout(home: str | os.PathLike[str], given: str) -> RolloutRef:
    """Find a rollout by what a person types: a path, a thread id, or its beginning.

    :param given: a path is anything with a slash, or a rollout's file name here;
        a beginning has at least four digits.
    :raises NoSuchThreadError: nothing answers to it.
    :raises AmbiguousThreadError: a beginning fits several threads.
    """
    if os.sep in given or parse_rollout_name(given) is not None:
        found = rollout_at(given)
    elif is_thread_id(given):
        found = find_thread(home, given)
    else:
        found = _by_prefix(home, given)
    if found is None:
        raise NoSuchThreadError(given, os.fspath(home))
    return found


def rollout_at(path: str | os.PathLike[str]) -> RolloutRef | None:
    """Describe the rollout at a plain or compressed path, wherever it lies; None if none is."""
    directory, file_name = os.path.split(os.path.abspath(path))
    name = parse_rollout_name(file_name)
    if name is None:
        return None
    plain = os.path.isfile(os.path.join(directory, name.plain_name))
    packed = os.path.isfile(os.path.join(directory, name.compressed_name))
    # Between the two looks the form may have changed; the first is then outdated.
    plain = plain or os.path.isfile(os.path.join(directory, name.plain_name))
    if not plain and not packed:
        return None
    archived = os.path.basename(directory) == RootName.ARCHIVED
    return RolloutRef(directory, name.of_plain, archived, plain, packed)


def rollouts_named(home: str | os.PathLike[str], given: str) -> list[RolloutRef]:
    """Find what `resolve_rollout` does, with every other file of a thread given by its id.

    :returns: oldest first; one file where a path was given.
    :raises NoSuchThreadError: nothing answers to it.
    :raises AmbiguousThreadError: a beginning fits several threads.
    """
    found = resolve_rollout(home, given)
    if os.sep in given or parse_rollout_name(given) is not None:
        return [found]
    scan = scan_store(home, containing=found.thread_id)
    files = take_threads([each for each in scan.rollouts if each.thread_id == found.thread_id])
    several = files.get(found.thread_id)
    return [found] if several is None else list(several.files)


def newest_by_thread(rollouts: Iterable[RolloutRef]) -> dict[str, RolloutRef]:
    """Choose for each thread the rollout in which it goes on."""
    files: dict[str, list[RolloutRef]] = {}
    for rollout in rollouts:
        files.setdefault(rollout.thread_id, []).append(rollout)
    return {thread: _newest(of_thread) for thread, of_thread in files.items()}


def _newest(files: list[RolloutRef]) -> RolloutRef:
    active = [each for each in files if not each.archived] or files
    if len(active) == 1:
        return active[0]
    return max(active, key=lambda each: (began(each), each.name.order))


def _by_prefix(home: str | os.PathLike[str], given: str) -> RolloutRef | None:
    prefix = given.lower()
    if _PREFIX.fullmatch(prefix) is None:
        return None
    scan = scan_store(home, containing=f"-{prefix}")
    found = newest_by_thread(r for r in scan.rollouts if r.thread_id.startswith(prefix))
    if len(found) > 1:
        raise AmbiguousThreadError(given, sorted(found))
    return next(iter(found.values()), None)


def _by_database(home: str, thread_id: str) -> RolloutRef | None:
    from .state_db import recorded_paths  # sqlite3: only when the names know nothing

    for path in recorded_paths(home, thread_id):
        rollout = rollout_at(path.removesuffix(COMPRESSED_SUFFIX))
        if rollout is not None and _lies_in_store(home, rollout) and _is_of(rollout, thread_id):
            return rollout
    return None


def _lies_in_store(home: str, rollout: RolloutRef) -> bool:
    directory = os.path.realpath(rollout.directory)
    stores = (
        os.path.realpath(os.path.join(home, store))
        for store in (RootName.SESSIONS, RootName.ARCHIVED)
    )
    return any(directory == store or directory.startswith(store + os.sep) for store in stores)


def _is_of(rollout: RolloutRef, thread_id: str) -> bool:
    try:
        return read_session_meta(rollout.path).id == thread_id
    except (SessionMetaError, NoSuchRolloutError, OSError):
        return False
