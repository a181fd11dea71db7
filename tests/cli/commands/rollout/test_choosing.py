"""Which threads are meant: by real place, by real time, and by who began them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.commands import codexlab
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write

from codexlab.rollout import Filters
from codexlab.rollout.catalog.listing import list_rollouts
from codexlab.rollout.reading.moments import local_as_utc, moment_of
from codexlab.rollout.store.names import parse_rollout_name
from codexlab.workspace.paths import WorkspaceKey, locate_workspace

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(clean_environ: dict[str, str]) -> Run:
    def call(*words: str, zone: str = "UTC") -> subprocess.CompletedProcess[str]:
        return codexlab(clean_environ | {"TZ": zone}, "rollout", *words)

    return call


def make(
    home: Path, number: int, at: str, stamp: str = "", *, text: str = "hello", **fields: Any
) -> str:
    """Write a thread whose file was named ``at`` and that says that it began at ``stamp``."""
    thread = thread_id(number)
    first = meta(thread, **fields)
    first["payload"]["timestamp"] = stamp or first["payload"]["timestamp"]
    write(rollout_path(home, thread, at=at), lines(first, message("user", text)))
    return thread


def threads(listed: subprocess.CompletedProcess[str]) -> list[str]:
    assert listed.returncode == 0, listed.stderr
    return [row["thread"] for row in json.loads(listed.stdout)["rollouts"]]


def test_a_directory_is_meant_by_whatever_path_leads_to_it(
    shared_home: Path, scratch: Path, run: Run
) -> None:
    real, link = scratch / "real", scratch / "link"
    (real / "sub").mkdir(parents=True)
    link.symlink_to(real)
    by_real = make(shared_home, 1, "2025-01-03T12-00-00", cwd=str(real / "sub"))
    by_link = make(shared_home, 2, "2025-01-03T12-00-00", cwd=str(link))
    make(shared_home, 3, "2025-01-03T12-00-00", cwd=str(scratch / "reality"))
    odd = make(shared_home, 4, "2025-01-03T12-00-00", cwd="relative\0or not")
    for given in (real, link):
        listed = threads(run("list", "--json", "--cwd", str(given)))
        assert sorted(listed) == [by_real, by_link]
        assert run("search", "-l", "hello", "--cwd", str(given)).stdout.split() != []
        stats = json.loads(run("stats", "--json", "--sample", "0", "--cwd", str(given)).stdout)
        assert stats["total"]["rollouts"] == 2
    assert threads(run("list", "--json", "--cwd", str(link / "sub"))) == [by_real]
    assert odd not in threads(run("list", "--json", "--cwd", "/"))
    gone = make(shared_home, 5, "2025-01-03T12-00-00", cwd=str(scratch / "gone/deep"))
    assert threads(run("list", "--json", "--cwd", str(scratch / "gone"))) == [gone]


def test_what_began_later_is_newer_whatever_the_local_time_in_its_name(
    shared_home: Path, run: Run
) -> None:
    tokyo = make(shared_home, 1, "2025-01-03T12-00-00", "2025-01-03T03:00:00.000Z")
    london = make(shared_home, 2, "2025-01-03T04-00-00", "2025-01-03T04:00:00.000Z")
    honolulu = make(shared_home, 3, "2025-01-02T19-00-00", "2025-01-03T05:00:00.000Z")
    order = [honolulu, london, tokyo]
    for zone in ("UTC", "Asia/Tokyo", "Pacific/Honolulu"):
        assert threads(run("list", "--json", zone=zone)) == order
        pages: list[str] = []
        cursor: list[str] = []
        while True:
            page = json.loads(run("list", "--json", "--limit", "1", *cursor, zone=zone).stdout)
            pages += [row["thread"] for row in page["rollouts"]]
            if page["next"] is None:
                break
            cursor = ["--after", page["next"]]
        assert pages == order
    since = threads(run("list", "--json", "--since", "2025-01-03T03:30:00+00:00"))
    assert since == [honolulu, london]
    until = threads(run("list", "--json", "--until", "2025-01-03T12:30", zone="Asia/Tokyo"))
    assert until == [tokyo]
    stats = run("stats", "--json", "--sample", "0", "--since", "2025-01-03T03:30:00+00:00")
    assert json.loads(stats.stdout)["total"]["rollouts"] == 2
    row = json.loads(run("list", "--json", "--limit", "1", zone="Asia/Tokyo").stdout)["rollouts"][0]
    assert row["started"] == "2025-01-03T05:00:00.000Z"
    assert "2025-01-03 14:00  " + honolulu in run("list", zone="Asia/Tokyo").stdout


def test_the_hour_that_autumn_repeats_is_in_its_order(shared_home: Path, run: Run) -> None:
    """In Berlin 02:30 of 26 October 2025 was there twice: at 00:30 and at 01:30 UTC."""
    second = make(shared_home, 1, "2025-10-26T02-20-00", "2025-10-26T01:20:00.000Z")
    first = make(shared_home, 2, "2025-10-26T02-30-00", "2025-10-26T00:30:00.000Z")
    berlin = {"zone": "Europe/Berlin"}
    assert threads(run("list", "--json", **berlin)) == [second, first]
    since = "2025-10-26T02:00:00+01:00"
    assert threads(run("list", "--json", "--since", since, **berlin)) == [second]
    assert threads(run("list", "--json", "--until", since, **berlin)) == [first]


def test_the_newest_thread_of_an_issue_is_the_one_that_began_last(
    shared_home: Path, workspaces_root: Path, run: Run
) -> None:
    older = make(shared_home, 1, "2025-01-03T12-00-00", "2025-01-03T03:00:00.000Z", text="old one")
    newer = make(shared_home, 2, "2025-01-03T04-00-00", "2025-01-03T04:00:00.000Z", text="new one")
    source = {"subagent": {"thread_spawn": {"parent_thread_id": newer, "depth": 1}}}
    spawned = make(shared_home, 3, "2025-01-03T05-00-00", "2025-01-03T05:00:00.000Z", source=source)
    record_threads(workspaces_root, "7", older, newer, spawned)
    shown = run("show", "--issue", "7").stdout
    assert "new one" in shown
    assert threads(run("list", "--json", "--issue", "7")) == [spawned, newer, older]


def record_threads(root: Path, issue: str, *ids: str) -> None:
    """Write what workspaces keep: their key and their threads."""
    key = WorkspaceKey("project", issue, "codex")
    paths = locate_workspace(root, key)
    paths.provenance.parent.mkdir(parents=True)
    record = {"v": 1, "state": "ready", "project": "project", "issue": issue, "agent": "codex"}
    paths.provenance.write_text(json.dumps(record))
    seen = [{"id": thread, "cwd": "/", "agent": "codex", "seen": "2025-01-03"} for thread in ids]
    paths.threads.write_text(json.dumps({"v": 1, "threads": seen}))


@pytest.mark.parametrize(
    "stamp", ["", "soon", "2099-01-01T00:00:00.000Z", "2025-01-03", "0001-01-01T00:00:00+14:00"]
)
def test_a_moment_that_no_zone_makes_of_the_name_is_not_believed(stamp: str) -> None:
    name = parse_rollout_name(f"rollout-2025-01-05T12-00-00-{thread_id(1)}.jsonl")
    assert name is not None
    assert moment_of(name, stamp) == local_as_utc("2025-01-05T12-00-00")


def test_a_page_holds_what_its_user_began_and_the_subagents_marked(
    shared_home: Path, run: Run
) -> None:
    own = [make(shared_home, n, f"2025-01-03T0{n}-00-00", text=f"own {n}") for n in range(1, 5)]
    spawned = {"subagent": {"thread_spawn": {"parent_thread_id": own[3], "depth": 1}}}
    subs = [make(shared_home, n, "2025-01-03T09-00-00", source=spawned) for n in range(10, 20)]
    review = make(shared_home, 30, "2025-01-03T09-30-00", source={"subagent": "review"})
    rows = json.loads(run("list", "--json", "--limit", "3").stdout)["rollouts"]
    listed = [row["thread"] for row in rows]
    assert listed == [review, *sorted(subs, reverse=True), own[3], own[2], own[1]]
    assert [(row["subagent"], row["parent"]) for row in (rows[0], rows[1], rows[-1])] == [
        ("review", None),
        ("thread_spawn", own[3]),
        (None, None),
    ]
    table = run("list").stdout
    assert f"↳ hello (subagent of {own[3]})" in table
    assert "↳ hello (subagent: review)" in table
    assert threads(run("list", "--json", "--limit", "3", "--no-subagents")) == own[:0:-1]
    assert f"subagent of {own[3]}" in run("show", subs[0]).stdout
    hits = run("search", "-l", "hello", "--no-subagents")
    assert (hits.returncode, hits.stdout) == (1, "")
    strict = list_rollouts(shared_home, limit=3)
    assert [entry.rollout.thread_id for entry in strict.entries] == listed[:3]
    assert len(list_rollouts(shared_home, Filters(subagents=True)).entries) == 11


def test_a_page_with_very_many_subagents_ends_and_goes_on(shared_home: Path, run: Run) -> None:
    source = {"subagent": {"thread_spawn": {"parent_thread_id": thread_id(1), "depth": 1}}}
    subs = {make(shared_home, n, "2025-01-03T09-00-00", source=source) for n in range(10, 40)}
    own = make(shared_home, 1, "2025-01-03T08-00-00")
    first = json.loads(run("list", "--json", "--limit", "1").stdout)
    assert len(first["rollouts"]) == 11
    seen = {row["thread"] for row in first["rollouts"]}
    while first["next"] is not None:
        first = json.loads(run("list", "--json", "--limit", "1", "--after", first["next"]).stdout)
        seen |= {row["thread"] for row in first["rollouts"]}
    assert seen == subs | {own}
