"""The statistics of a store add up its files and try compressing on a sample."""

from __future__ import annotations

import os
import random
from pathlib import Path

from support.rollout.files import lines, message, meta, rollout_path, thread_id, write

from codexlab.rollout.maintenance.usage import choose_sample, measure, try_compression
from codexlab.rollout.store.scan import scan_store


def _make(home: Path, number: int, size: int, **where: object) -> Path:
    cwd = str(where.pop("cwd", "/src/app"))
    compressed = bool(where.pop("compressed", False))
    path = rollout_path(home, thread_id(number), **where)  # type: ignore[arg-type]
    text = random.Random(number).randbytes(size // 2).hex()
    data = lines(meta(thread_id(number), cwd=cwd), message("user", text))
    return write(path, data, compressed=compressed)


def test_usage_adds_up_by_month_project_and_thread(tmp_path: Path) -> None:
    one = _make(tmp_path, 1, 10_000, at="2025-01-03T00-00-00")
    two = _make(tmp_path, 2, 20_000, at="2025-02-03T00-00-00", compressed=True)
    three = _make(tmp_path, 1, 30_000, at="2025-02-04T00-00-00", revert=thread_id(9))
    four = _make(tmp_path, 4, 40_000, at="2025-02-05T00-00-00", cwd="/src/x", archived=True)
    stats = measure(scan_store(tmp_path).rollouts)
    sizes = [os.path.getsize(path) for path in (one, two, three, four)]
    assert (stats.total.rollouts, stats.total.plain) == (4, 3)
    assert stats.total.compressed_bytes == sizes[1]
    assert stats.total.plain_bytes == sizes[0] + sizes[2] + sizes[3]
    assert stats.total.total_bytes == sum(sizes)
    assert stats.total.disk_bytes >= sum(sizes) - 4096
    assert {month: part.total_bytes for month, part in stats.by_month.items()} == {
        "2025-01": sizes[0],
        "2025-02": sizes[1] + sizes[2] + sizes[3],
    }
    assert stats.by_project["/src/x"].total_bytes == sizes[3]
    assert stats.by_thread[thread_id(1)].total_bytes == sizes[0] + sizes[2]


def test_the_trial_is_the_real_thing_and_writes_nothing(tmp_path: Path) -> None:
    path = rollout_path(tmp_path, thread_id(1))
    picture = random.Random(1).randbytes(3_000_000).hex()
    write(path, lines(meta(thread_id(1)), *(message("user", picture) for _ in range(4))))
    before = os.stat(path)
    trial = try_compression(scan_store(tmp_path).rollouts)
    assert (trial.rollouts, trial.before) == (1, before.st_size)
    # Hexadecimal halves at best; that it shrinks by more shows the long window.
    assert trial.factor > 6
    assert os.listdir(path.parent) == [path.name]
    after = os.stat(path)
    # Reading may move the access time, and nothing else.
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns, after.st_mode) == (
        before.st_ino, before.st_mtime_ns, before.st_ctime_ns, before.st_mode,
    )  # fmt: skip


def test_a_sample_stays_in_its_budget_and_spans_the_sizes(tmp_path: Path) -> None:
    for number in range(40):
        _make(tmp_path, number, 400 * (number + 1))
    rollouts = scan_store(tmp_path).rollouts
    sizes = {r.path: os.path.getsize(r.path) for r in rollouts}
    sample = choose_sample(rollouts, sum(sizes.values()) // 4)
    chosen = [sizes[rollout.path] for rollout in sample]
    assert sum(chosen) <= sum(sizes.values()) // 4
    assert max(chosen) > 15_000
    assert min(chosen) < 8_000
    assert choose_sample(rollouts, 0) == []
    assert len(choose_sample(rollouts, 1 << 30)) == 40


def test_a_trial_ends_when_told(tmp_path: Path) -> None:
    for number in range(3):
        _make(tmp_path, number, 1000)
    trial = try_compression(scan_store(tmp_path).rollouts, lambda done: done == 0)
    assert trial.rollouts == 1


def test_what_vanishes_meanwhile_takes_nothing(tmp_path: Path) -> None:
    gone = _make(tmp_path, 1, 1000)
    rollouts = scan_store(tmp_path).rollouts
    gone.unlink()
    assert measure(rollouts).total.total_bytes == 0
    assert try_compression(rollouts).rollouts == 0
    assert choose_sample(rollouts, 1 << 20) == []
