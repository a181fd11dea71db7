"""Measure the space that rollouts take, by month, project and thread, and what could be saved.

What could be saved is tried, not assumed: the sample is really compressed, the way
`compress` would, and thrown away. How much rollouts shrink differs a hundredfold
between talk and repeated pictures.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..codec.encode import Encoder, EncodingError
from ..reading.heads import HeadReader
from ..reading.snapshot import NoSuchRolloutError, NotARolloutFileError, open_snapshot
from ..store.names import RolloutForm
from ..store.rollout_ref import RolloutRef

_BLOCK = 512


@dataclass(slots=True)
class RolloutUsage:
    """The disk usage of some rollouts.

    :param rollouts: how many.
    :param plain_bytes: of the plain files, as long as they are.
    :param compressed_bytes: of the compressed files.
    :param disk_bytes: what both take on disk, holes and block ends considered.
    :param plain: how many have a plain file.
    """

    rollouts: int = 0
    plain_bytes: int = 0
    compressed_bytes: int = 0
    disk_bytes: int = 0
    plain: int = 0

    @property
    def total_bytes(self) -> int:
        """Bytes of all files, in either form."""
        return self.plain_bytes + self.compressed_bytes


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of compressing a sample.

    :param rollouts: how many were tried.
    :param before: their plain bytes.
    :param after: what they became.
    """

    rollouts: int
    before: int
    after: int

    @property
    def factor(self) -> float:
        """The plain size divided by the compressed size; 1.0 for an empty sample."""
        return self.before / self.after if self.after else 1.0


@dataclass(frozen=True, slots=True)
class StoreStats:
    """The disk usage of a home's rollouts.

    :param total: all of them.
    :param by_month: ``YYYY-MM`` of their names.
    :param by_project: directory their agents worked in, "" where not said.
    :param by_thread: thread id.
    """

    total: RolloutUsage
    by_month: dict[str, RolloutUsage]
    by_project: dict[str, RolloutUsage]
    by_thread: dict[str, RolloutUsage]


def measure(rollouts: Iterable[RolloutRef]) -> StoreStats:
    """Add up what rollouts take; those that vanish meanwhile take nothing."""
    stats = StoreStats(RolloutUsage(), {}, {}, {})
    with HeadReader() as heads:
        for rollout in rollouts:
            meta = heads.read(rollout).meta
            slots = (
                stats.total,
                stats.by_month.setdefault(rollout.name.timestamp[:7], RolloutUsage()),
                stats.by_project.setdefault(meta.cwd if meta else "", RolloutUsage()),
                stats.by_thread.setdefault(rollout.thread_id, RolloutUsage()),
            )
            _add(rollout, slots)
    return stats


def _add(rollout: RolloutRef, slots: Iterable[RolloutUsage]) -> None:
    plain, packed = _stat(rollout.path), _stat(rollout.compressed_path)
    for usage in slots:
        usage.rollouts += 1
        if plain is not None:
            usage.plain += 1
            usage.plain_bytes += plain.st_size
            usage.disk_bytes += plain.st_blocks * _BLOCK
        if packed is not None:
            usage.compressed_bytes += packed.st_size
            usage.disk_bytes += packed.st_blocks * _BLOCK


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def choose_sample(rollouts: Iterable[RolloutRef], budget: int) -> list[RolloutRef]:
    """Choose plain rollouts whose sizes stand for all, within a budget of bytes.

    Large rollouts hold most of the bytes, and small ones are most of the files. So the sample
    is taken at even steps through the *bytes*, ordered by size.

    :param budget: most plain bytes; the largest that fit are preferred.
    """
    sized = [(stat.st_size, r) for r in rollouts if (stat := _stat(r.path)) is not None]
    sized.sort(key=lambda pair: pair[0])
    fitting = [pair for pair in sized if 0 < pair[0] <= budget]
    step = max(1.0, sum(size for size, _ in fitting) / max(budget, 1))
    sample: list[RolloutRef] = []
    left, position, due = budget, 0, 0.0
    for size, rollout in reversed(fitting):
        position += size
        if position > due and size <= left:
            sample.append(rollout)
            left -= size
            due = position + size * (step - 1)
    return sample


def try_compression(
    sample: Iterable[RolloutRef], proceed: Callable[[int], bool] = lambda _: True
) -> Trial:
    """Compress a sample as `compress` would, writing nothing.

    :param proceed: told the plain bytes done so far; False ends the trial there.
    """
    count = before = after = 0
    encoder = Encoder()
    for rollout in sample:
        if not proceed(before):
            break
        try:
            size, packed = _compressed_size(rollout, encoder)
        except (NoSuchRolloutError, NotARolloutFileError, EncodingError, OSError):
            continue  # gone or changed since it was chosen
        count, before, after = count + 1, before + size, after + packed
    return Trial(count, before, after)


def _compressed_size(rollout: RolloutRef, encoder: Encoder) -> tuple[int, int]:
    with open_snapshot(rollout.path, patience=0) as snapshot:
        if snapshot.form is not RolloutForm.PLAIN:
            raise NoSuchRolloutError(rollout.path)
        target = os.memfd_create("codexlab-trial", os.MFD_CLOEXEC)
        try:
            encoder.encode(snapshot.fd, target, snapshot.size)
            return snapshot.size, os.fstat(target).st_size
        finally:
            os.close(target)
