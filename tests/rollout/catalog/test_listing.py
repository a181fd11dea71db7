"""A listing of a store is paged, ordered and filtered, and names its threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write

from codexlab.rollout import BadCursorError, Filters, ListEntry, Order, RolloutForm, open_snapshot
from codexlab.rollout.catalog.listing import list_rollouts
from codexlab.rollout.catalog.titles import first_prompt, thread_names
from codexlab.rollout.reading.heads import read_head


def _make(home: Path, number: int, *, compressed: bool = False, **where: object) -> Path:
    cwd = str(where.pop("cwd", "/src/app"))
    path = rollout_path(home, thread_id(number), **where)  # type: ignore[arg-type]
    record = meta(thread_id(number), cwd=cwd, base_instructions={"text": "be good " * 3000})
    write(path, lines(record), compressed=compressed)
    return path


def _paths(entries: list[ListEntry]) -> list[str]:
    return [entry.rollout.path for entry in entries]


def _all_pages(home: Path, limit: int, order: Order = Order.CREATED) -> list[str]:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = list_rollouts(home, limit=limit, cursor=cursor, order=order)
        assert len(page.entries) <= limit
        seen += _paths(page.entries)
        cursor = page.next
        if cursor is None:
            return seen


def test_pages_are_stable_within_one_second_and_across_places(tmp_path: Path) -> None:
    for number in range(25):
        _make(tmp_path, number, compressed=number % 2 == 0, archived=number % 3 == 0)
    whole = _paths(list_rollouts(tmp_path).entries)
    assert len(set(whole)) == 25
    for limit in (1, 2, 7, 25, 26):
        assert _all_pages(tmp_path, limit) == whole


def test_new_and_removed_rollouts_neither_repeat_nor_hide_others(tmp_path: Path) -> None:
    made = [_make(tmp_path, number) for number in range(10)]
    first = list_rollouts(tmp_path, limit=5)
    _make(tmp_path, 99)
    os.unlink(first.entries[-1].rollout.path)
    second = list_rollouts(tmp_path, limit=50, cursor=first.next)
    assert sorted(_paths(first.entries) + _paths(second.entries)) == sorted(map(str, made))


def test_updated_at_is_the_mtime_and_can_order_the_pages(tmp_path: Path) -> None:
    made = [_make(tmp_path, number, compressed=number == 1) for number in range(4)]
    physical = [str(path) + (".zst" if n == 1 else "") for n, path in enumerate(made)]
    for path, when in zip(physical, (40, -10, 30, 30), strict=True):
        os.utime(path, (when, when))
    page = list_rollouts(tmp_path, order=Order.UPDATED)
    assert [entry.head.mtime_ns // 10**9 for entry in page.entries] == [40, 30, 30, -10]
    assert _all_pages(tmp_path, 1, Order.UPDATED) == _paths(page.entries)
    early = list_rollouts(tmp_path, order=Order.UPDATED, cursor=f"-5000000000:{made[0].name}")
    assert _paths(early.entries) == [str(made[1])]


@pytest.mark.parametrize(
    "cursor", ["", "x", "5:x", "--5:x", "-:x", "rollout-2025-01-03T12-00-00-x.jsonl"]
)
@pytest.mark.parametrize("order", list(Order))
def test_a_cursor_that_is_none_is_refused(tmp_path: Path, cursor: str, order: Order) -> None:
    with pytest.raises(BadCursorError):
        list_rollouts(tmp_path, cursor=cursor, order=order)


def test_a_cursor_of_the_other_order_is_refused(tmp_path: Path) -> None:
    for number in range(3):
        _make(tmp_path, number)
    created = list_rollouts(tmp_path, limit=1).next
    updated = list_rollouts(tmp_path, limit=1, order=Order.UPDATED).next
    with pytest.raises(BadCursorError):
        list_rollouts(tmp_path, cursor=updated)
    with pytest.raises(BadCursorError):
        list_rollouts(tmp_path, cursor=created, order=Order.UPDATED)


def test_each_filter_keeps_what_it_says(tmp_path: Path) -> None:
    old = _make(tmp_path, 1, at="2024-06-01T08-00-00", cwd="/src/other")
    packed = _make(tmp_path, 2, compressed=True, cwd="/src/app/sub")
    away = _make(tmp_path, 3, archived=True, cwd="/src/application")

    def kept(filters: Filters) -> list[str]:
        return _paths(list_rollouts(tmp_path, filters).entries)

    assert kept(Filters(since="2025")) == [str(away), str(packed)]
    assert kept(Filters(until="2024-06-01T08-00-01")) == [str(old)]
    assert kept(Filters(until="2024-06-01T08-00-00")) == []
    assert kept(Filters(cwd="/src/app")) == [str(packed)]
    assert kept(Filters(cwd="/")) == [str(away), str(packed), str(old)]
    assert kept(Filters(threads=frozenset({thread_id(3), thread_id(9)}))) == [str(away)]
    assert kept(Filters(archived=True)) == [str(away)]
    assert kept(Filters(archived=False)) == [str(packed), str(old)]
    assert kept(Filters(form=RolloutForm.COMPRESSED)) == [str(packed)]
    assert kept(Filters(form=RolloutForm.PLAIN)) == [str(away), str(old)]


def test_a_rollout_that_cannot_be_read_is_listed_with_the_reason(tmp_path: Path) -> None:
    path = rollout_path(tmp_path, thread_id(1))
    write(path, b"not json\n")
    (entry,) = list_rollouts(tmp_path).entries
    assert entry.head.meta is None
    assert entry.head.problem == "is empty"
    assert list_rollouts(tmp_path, Filters(cwd="/")).entries == []


def test_a_head_that_only_looks_like_metadata_is_read_in_full(tmp_path: Path) -> None:
    record = meta(thread_id(1))
    record["payload"] = {"note": {"x": 1, "base_instructions": "no"}, **record["payload"]}
    path = write(rollout_path(tmp_path, thread_id(1)), lines(record))
    head = read_head(path)
    assert head.meta is not None
    assert (head.meta.id, head.meta.cwd) == (thread_id(1), "/src/app")
    future = meta(thread_id(1), history_mode="future", base_instructions={"text": "x"})
    path.write_bytes(lines(future))
    assert read_head(path).problem == "has an unknown history_mode: 'future'"


def test_the_last_name_given_to_a_thread_wins(tmp_path: Path) -> None:
    assert thread_names(tmp_path) == {}
    one, two = thread_id(1), thread_id(2)
    (tmp_path / "session_index.jsonl").write_bytes(
        lines({"id": one, "thread_name": "old"}, {"id": two, "thread_name": "other"})
        + b"torn{\n\n"
        + lines({"id": one, "thread_name": "new", "updated_at": "x"})
    )
    assert thread_names(tmp_path) == {one: "new", two: "other"}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_an_index_that_cannot_be_read_names_nothing(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "session_index.jsonl")
    assert thread_names(tmp_path) == {}


def test_the_first_prompt_is_the_users_and_not_the_harness_s(tmp_path: Path) -> None:
    path = write(
        rollout_path(tmp_path, thread_id(1)),
        lines(
            meta(thread_id(1)),
            message("developer", "rules"),
            message("user", "<environment_context>\n<cwd>/</cwd>"),
            message("user", "fix it"),
            message("user", "later"),
        ),
    )
    with open_snapshot(path) as snapshot:
        assert first_prompt(snapshot) == "fix it"
