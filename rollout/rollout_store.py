"""The handle that programs hold on a store: find, read, search, compress, sweep, verify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .catalog.filters import Filters
from .catalog.listing import ListPage, Order, list_rollouts
from .catalog.lookup import find_thread, rollouts_named
from .compression.candidate import CompressOptions
from .compression.compress import compress
from .maintenance.findings import Finding
from .maintenance.repair import repair
from .maintenance.sweep import SweepOptions, sweep
from .maintenance.verify import verify_rollout, verify_store
from .operations.handle import StoreHandle
from .operations.result import Result
from .reconcile.append import append
from .reconcile.materialize import restore
from .search.match import SearchedRollout
from .search.query import Query
from .search.search import search_rollouts
from .store.rollout_ref import RolloutRef
from .store.scan import StoreScan, scan_store

_COMPRESS, _SWEEP = CompressOptions(), SweepOptions()


class RolloutStore(StoreHandle):
    """The rollouts of one codex home, and what can be done with them.

    A method returns rollouts as it found them. They may be passed to any other method.
    """

    def scan(self) -> StoreScan:
        """Find every rollout; complete even while files change form or move."""
        return scan_store(self.home)

    def list(
        self,
        filters: Filters | None = None,
        *,
        order: Order = Order.CREATED,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ListPage:
        """List threads, newest first.

        :param limit: most entries of a page; None for all.
        :param cursor: the ``next`` of the previous page.
        :raises BadCursorError: the text is not a cursor, or belongs to another order.
        """
        return list_rollouts(self.home, filters, order=order, limit=limit, cursor=cursor)

    def find(self, thread_id: str) -> RolloutRef | None:
        """Find the rollout in which a thread continues; None where there is none.

        :param thread_id: a whole UUID.
        """
        return find_thread(self.home, thread_id)

    def named(self, given: str) -> Iterable[RolloutRef]:
        """Find the rollouts that a person names: by path, by thread id, or by its beginning.

        :returns: every file of the thread, oldest first; one file where a path was given.
        :raises NoSuchThreadError: no rollout has this name.
        :raises AmbiguousThreadError: the beginning fits several threads.
        """
        return rollouts_named(self.home, given)

    def search(
        self,
        query: Query,
        filters: Filters | None = None,
        *,
        processes: int = 1,
        ripgrep: str | None = None,
    ) -> Iterator[SearchedRollout]:
        """Yield every rollout with a hit, newest first.

        :param processes: how many search at once. More than one forks this process,
            which then must not have other threads.
        :param ripgrep: path of an ``rg`` that preselects lines of plain rollouts.
        :raises SearchBroken: a process of the search was killed.
        """
        return search_rollouts(self.home, query, filters, processes=processes, ripgrep=ripgrep)

    def compress(
        self, rollouts: Iterable[RolloutRef], options: CompressOptions = _COMPRESS
    ) -> Iterator[Result]:
        """Compress rollouts; rollouts that are open, or not plain, are skipped.

        The plain files are kept for a grace: the next sweep frees their space.

        :returns: one result for each rollout.
        :raises NotARolloutError: a rollout does not lie in this store.
        """
        return compress(self, self._located(rollouts), options)

    def restore(self, rollout: RolloutRef) -> bool:
        """Make a rollout's plain form the only one, for a codex that reads no frames.

        :returns: False when it was the only form already.
        :raises ThreadBusyError: a process writes the thread.
        :raises CodexlabError: the rollout is gone, damaged, or its forms disagree.
        """
        return restore(self, self.rollout(rollout.path))

    def append(self, rollout: RolloutRef, records: Iterable[bytes]) -> str:
        """Append records, durably, as the thread's only writer.

        :param records: one JSON record each, without its line feed.
        :returns: the plain path, where the lines are now.
        :raises NotALineError: a record is empty or holds a line feed; nothing was done.
        :raises ThreadBusyError: another process writes the thread.
        :raises CodexlabError: the rollout is gone, damaged, or its forms disagree.
        :raises OSError: the disk is full, for example; some of the lines may be written.
        """
        return append(self, self.rollout(rollout.path), records)

    def sweep(self, options: SweepOptions = _SWEEP) -> Iterator[Result]:
        """Compress cold rollouts, repair after a crash, and free settled kept files.

        :raises SweeperBusyError: another sweep, ours or codex's, is at work.
        """
        return sweep(self, options)

    def verify(self, rollouts: Iterable[RolloutRef] | None = None) -> Iterator[Finding]:
        """Check every byte of these rollouts, or of the whole store; nothing is changed."""
        if rollouts is None:
            yield from verify_store(self)
            return
        for rollout in self._located(rollouts):
            yield from verify_rollout(rollout)

    def repair(self, *, dry_run: bool = False) -> Iterator[Result]:
        """Repair after a crash, and move damaged and left-over frames aside.

        :param dry_run: say what would be done, and change nothing.
        """
        return repair(self, dry_run=dry_run)

    def _located(self, rollouts: Iterable[RolloutRef]) -> Iterator[RolloutRef]:
        return self.rollouts(rollout.path for rollout in rollouts)
