"""One interleaving for each guard of the critical section, and proof that it is needed.

Invariant: as soon as compressing returns, and again once the store has come to rest,
every acknowledged line is in the logical rollout exactly once. Each scenario runs
twice: with the product's system calls, and with one guard taken out, where it must
break the invariant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.rollout import files
from support.rollout.faults import (
    ReplacingPutBack,
    UnlinkInsteadOfRetire,
    WithoutCoordination,
    WithoutLease,
    WithoutSecondProbe,
)
from support.rollout.writers import (
    APPEND,
    CREATE,
    Hook,
    Hooked,
    Puppet,
    come_to_rest,
    left_over,
    logical,
)
from support.ticks import wait_one_tick

from codexlab.kernel.files.lease import is_read_lease_unbroken
from codexlab.rollout import Result
from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.pair import resolve_pair
from codexlab.rollout.reconcile.retired import SettleOptions, settle
from codexlab.rollout.store.rollout_ref import RolloutRef

pytestmark = pytest.mark.one_python

THREAD = files.thread_id(1)
BASE = files.lines(files.meta(THREAD), *(files.message("user", f"line {n}") for n in range(20)))
FIRST, SECOND = b'{"by":"first"}\n', b'{"by":"second"}\n'


class Store:
    """One store with one rollout, and a writer or two."""

    def __init__(self, home: Path, fault: type[FileOps] = FileOps) -> None:
        self.home = home
        self.plain = files.write(files.rollout_path(home, THREAD), BASE)
        os.utime(self.plain, (1_700_000_000, 1_700_000_000))
        self.places: StoreHandle = StoreHandle(home)
        self.rollout: RolloutRef = self.places.rollout(str(self.plain))
        self._fault = fault

    def compress(self, **hooks: Hook) -> Result:
        wait_one_tick(self.plain)
        return next(compress(self.places.using(self.calls(**hooks)), [self.rollout]))

    def calls(self, **hooks: Hook) -> Hooked:
        faulty: type[Hooked] = type("Faulty", (Hooked, self._fault), {})
        return faulty(hooks)

    def expect(self, *lines: bytes) -> None:
        """The invariant, now."""
        seen = logical(self.rollout)
        assert seen.startswith(BASE)
        assert sorted(seen[len(BASE) :].splitlines(True)) == sorted(lines)

    def expect_at_rest(self, *lines: bytes) -> None:
        """The invariant, once nothing is left to do."""
        come_to_rest(self.places)
        self.expect(*lines)
        assert left_over(self.places) == []


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    with Puppet() as one:
        yield one


@pytest.fixture
def other() -> Iterator[Puppet]:
    with Puppet() as one:
        yield one


def idle_but_loaded(store: Store, writer: Puppet, _other: Puppet) -> None:
    """A thread that is loaded, old codex or unlinked home, writes after a long pause."""
    writer.do("open", "r", store.plain, os.O_RDWR | os.O_APPEND)
    store.compress()
    list(settle(store.places.using(store.calls()), SettleOptions(grace=0, rest=0)))
    writer.do("write", "r", FIRST.decode())
    store.expect(FIRST)
    writer.do("close", "r")
    store.expect_at_rest(FIRST)


def opened_between_two_probes(store: Store, writer: Puppet, _other: Puppet) -> None:
    """A writer had looked the name up before it moved and opens after the first lease."""
    writer.do("open", "r", store.plain, os.O_RDONLY)
    store.compress(before_take_read_lease_again=lambda _: writer.do("reopen", "r", APPEND))
    writer.do("write", "r", FIRST.decode())
    store.expect(FIRST)
    writer.do("close", "r")
    store.expect_at_rest(FIRST)


def name_taken_before_put_back(store: Store, writer: Puppet, other: Puppet) -> None:
    """One writer breaks the lease; meanwhile another makes the plain name anew."""

    def after_retire(calls: Hooked) -> None:
        writer.tell("reopen", "r", APPEND)
        while is_read_lease_unbroken(calls.leased[-1]):
            pass
        other.do("open", "p", store.plain, CREATE)
        other.do("write", "p", SECOND.decode())
        other.do("close", "p")

    writer.do("open", "r", store.plain, os.O_RDONLY)
    store.compress(after_retire=after_retire)
    writer.answer()
    writer.do("write", "r", FIRST.decode())
    writer.do("close", "r")
    store.expect_at_rest(FIRST, SECOND)


def opened_while_the_name_moved(store: Store, writer: Puppet, _other: Puppet) -> None:
    """A writer waits in open(2) on the leased file while its name is taken away."""

    def after_retire(calls: Hooked) -> None:
        writer.tell("reopen", "r", APPEND)
        while is_read_lease_unbroken(calls.leased[-1]):
            pass

    writer.do("open", "r", store.plain, os.O_RDONLY)
    store.compress(after_retire=after_retire)
    writer.answer()
    writer.do("write", "r", FIRST.decode())
    store.expect(FIRST)
    writer.do("close", "r")
    store.expect_at_rest(FIRST)


def cooperating_writer_comes(store: Store, writer: Puppet, _other: Puppet) -> None:
    """A codex takes its lock, sees the plain form, and opens it; with O_CREAT, as it does."""
    early: list[bool] = []

    def before_retire(_calls: Hooked) -> None:
        writer.tell("lease", "t", store.home, THREAD)
        early.append(writer.has_answered(within=0.1))

    def after_retire(_calls: Hooked) -> None:
        if early[0]:
            writer.answer()
            writer.do("open", "p", store.plain, CREATE)

    writer.do("open", "r", store.plain, os.O_RDONLY)  # it sees the plain form
    store.compress(before_retire=before_retire, after_retire=after_retire)
    if not early[0]:
        writer.answer()
        writer.do("materialize", "t", store.home, store.plain)
        writer.do("open", "p", store.plain, CREATE)
    writer.do("write", "p", FIRST.decode())
    store.expect(FIRST)
    writer.do("close", "p")
    writer.do("release", "t")
    store.expect_at_rest(FIRST)


Scenario = Callable[[Store, Puppet, Puppet], None]
SCENARIOS: dict[Scenario, type[FileOps]] = {
    idle_but_loaded: WithoutLease,
    opened_between_two_probes: WithoutSecondProbe,
    name_taken_before_put_back: ReplacingPutBack,
    opened_while_the_name_moved: UnlinkInsteadOfRetire,
    cooperating_writer_comes: WithoutCoordination,
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_line_is_lost_or_doubled(
    scenario: Scenario, tmp_path: Path, puppet: Puppet, other: Puppet
) -> None:
    scenario(Store(tmp_path), puppet, other)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_without_its_guard_the_scenario_breaks_the_invariant(
    scenario: Scenario, tmp_path: Path, puppet: Puppet, other: Puppet
) -> None:
    with pytest.raises(AssertionError):
        scenario(Store(tmp_path, SCENARIOS[scenario]), puppet, other)


def test_a_pair_that_another_sweep_finished_while_we_paused_keeps_its_frame(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)

    def finish(_calls: Hooked) -> None:
        assert resolve_pair(store.places, store.rollout, rest=0).outcome == "compressed"

    assert store.compress(after_sync_directory=finish).outcome == "changed"
    store.expect()
    store.expect_at_rest()


def test_a_writer_that_comes_between_the_two_halves_keeps_the_plain_form(
    tmp_path: Path, puppet: Puppet
) -> None:
    store = Store(tmp_path)

    def write(_calls: Hooked) -> None:
        puppet.do("open", "w", store.plain, APPEND)
        puppet.do("write", "w", FIRST.decode())
        puppet.do("close", "w")

    assert store.compress(after_sync_directory=write).outcome == "changed"
    assert not os.path.exists(store.rollout.compressed_path)
    store.expect(FIRST)
    store.expect_at_rest(FIRST)


def test_what_its_owner_moves_between_the_two_halves_leaves_no_frame_behind(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    archived = files.rollout_path(tmp_path, THREAD, archived=True)
    archived.parent.mkdir()
    store.compress(after_sync_directory=lambda _: os.rename(store.plain, archived))
    assert not os.path.exists(store.rollout.compressed_path)
    come_to_rest(store.places)
    assert archived.read_bytes() == BASE
    assert left_over(store.places) == []
