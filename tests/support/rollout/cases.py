"""Pieces of work on a store, each from a state that makes it do something."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.file_ops import FileOps
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.append import append
from codexlab.rollout.reconcile.materialize import materialize
from codexlab.rollout.reconcile.recover import recover
from codexlab.rollout.reconcile.retired import SettleOptions, settle
from codexlab.rollout.store.rollout_ref import RolloutRef
from support.ticks import wait_one_tick

from . import files
from .writers import come_to_rest

THREAD = files.thread_id(1)
BASE = files.lines(files.meta(THREAD), *(files.message("user", f"line {n}") for n in range(9)))
LATE, NEW = b'{"by":"a late writer"}\n', b'{"by":"the next writer"}\n'
NOW = SettleOptions(grace=0, rest=0)


class Store:
    """A store with one thread."""

    def __init__(self, home: Path, *, archived: bool = False) -> None:
        self.plain = files.rollout_path(home, THREAD, archived=archived)
        self.home = home
        self.places: StoreHandle = StoreHandle(home)

    @property
    def rollout(self) -> RolloutRef:
        return self.places.rollout(str(self.plain))

    @property
    def kept(self) -> Path:
        return next(
            path for path in Path(self.places.kept).iterdir() if path.suffix[1:].isdecimal()
        )

    def forms(self) -> list[str]:
        """Return the forms that exist."""
        return [
            path
            for path in (self.rollout.path, self.rollout.compressed_path)
            if os.path.lexists(path)
        ]

    def compressed(self) -> None:
        files.write(self.plain, BASE)
        wait_one_tick(self.plain)
        assert next(compress(self.places, [self.rollout])).outcome == "compressed"


Work = Callable[[Store, FileOps], None]
Lines = tuple[bytes, ...]


def compressing(store: Store) -> tuple[Work, Lines]:
    files.write(store.plain, BASE)
    wait_one_tick(store.plain)
    return lambda s, calls: _exhaust(compress(s.places.using(calls), [s.rollout])), ()


def settling(store: Store) -> tuple[Work, Lines]:
    store.compressed()
    return _settle, ()


def putting_back(store: Store) -> tuple[Work, Lines]:
    store.compressed()
    _add(store.kept, LATE)
    return _settle, (LATE,)


def salvaging(store: Store) -> tuple[Work, Lines]:
    store.compressed()
    append(store.places, store.rollout, [NEW.rstrip()])
    _add(store.kept, LATE)
    return _settle, (NEW, LATE)


def salvaging_into_a_newer_frame(store: Store) -> tuple[Work, Lines]:
    store.compressed()
    late = store.kept
    append(store.places, store.rollout, [NEW.rstrip()])
    _add(late, LATE)
    wait_one_tick(store.plain)
    list(compress(store.places, [store.rollout]))
    return _settle, (NEW, LATE)


def joining_a_shadow(store: Store) -> tuple[Work, Lines]:
    store.compressed()
    store.plain.write_bytes(LATE)
    return _recover, (LATE,)


def finishing_two_equal_forms(store: Store) -> tuple[Work, Lines]:
    files.write(store.plain, BASE)
    files.write(store.plain, BASE, compressed=True)
    return _recover, ()


def withdrawing_a_frame_that_holds_less(store: Store) -> tuple[Work, Lines]:
    files.write(store.plain, BASE, compressed=True)
    files.write(store.plain, BASE + LATE)
    return _recover, (LATE,)


def materializing(store: Store) -> tuple[Work, Lines]:
    store.compressed()
    come_to_rest(store.places)
    return _materialize, ()


def materializing_before_settling(store: Store) -> tuple[Work, Lines]:
    store.compressed()
    return _materialize, ()


def _exhaust(results: Iterator[object]) -> None:
    assert list(results)


def _settle(store: Store, calls: FileOps) -> None:
    _exhaust(settle(store.places.using(calls), NOW))


def _recover(store: Store, calls: FileOps) -> None:
    _exhaust(recover(store.places.using(calls), NOW))


def _materialize(store: Store, calls: FileOps) -> None:
    with store.places.locks.lease(THREAD) as lease:
        materialize(store.places.using(calls), store.rollout, lease)


def _add(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)


CASES = [
    compressing,
    settling,
    putting_back,
    salvaging,
    salvaging_into_a_newer_frame,
    joining_a_shadow,
    finishing_two_equal_forms,
    withdrawing_a_frame_that_holds_less,
    materializing,
    materializing_before_settling,
]

Case = Callable[[Store], tuple[Work, Lines]]
