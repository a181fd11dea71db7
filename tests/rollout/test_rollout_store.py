"""One handle on a store, as a program that embeds us holds it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.rollout import files

from codexlab.rollout import NotARolloutError, RolloutStore, SweepOptions, make_query

THREAD = files.thread_id(1)
SWEEP_ALL = SweepOptions(cold_age=0.0, grace=0.0)


@pytest.fixture
def store(tmp_path: Path) -> RolloutStore:
    lines = files.lines(files.meta(THREAD), files.message("user", "look for the needle"))
    files.write(files.rollout_path(tmp_path, THREAD), lines)
    return RolloutStore(tmp_path)


def test_what_one_method_finds_every_other_takes(store: RolloutStore) -> None:
    found = store.find(THREAD)
    assert found is not None
    assert [found] == store.scan().rollouts == list(store.named(THREAD[:8]))
    assert [entry.rollout for entry in store.list().entries] == [found]
    store.append(found, [b'{"n":1}'])
    assert list(store.verify([found])) == []
    while (result := next(store.compress([found]))).outcome != "compressed":
        assert result.reason == "it was changed just now"
    assert [hit.rollout.thread_id for hit in store.search(make_query("needle"))] == [THREAD]
    assert Path(found.compressed_path).exists()
    assert store.restore(found)
    assert not store.restore(found)
    assert Path(found.path).read_bytes().endswith(b'{"n":1}\n')


def test_a_home_whose_sessions_are_a_link_leads_to_the_same_rollouts(
    store: RolloutStore, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "sessions").symlink_to(tmp_path / "sessions")
    linked = RolloutStore(other)
    found = linked.find(THREAD)
    assert found is not None
    assert found.path.startswith(str(other))
    linked.append(found, [b'{"n":2}'])
    assert list(store.sweep(SWEEP_ALL))
    assert list(linked.verify()) == list(store.verify()) == []


def test_a_rollout_of_another_store_is_refused(store: RolloutStore, tmp_path: Path) -> None:
    stranger = RolloutStore(tmp_path / "elsewhere")
    found = store.find(THREAD)
    assert found is not None
    with pytest.raises(NotARolloutError):
        list(stranger.compress([found]))
