"""What a search may cost: bounded memory, no more than was asked for, no wait for the dead."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.rollout.files import message
from support.rollout.searches import RG, make_rollout, needs_ripgrep, search

from codexlab.rollout import SearchBroken, make_query
from codexlab.rollout.search import match as match_module
from codexlab.rollout.search import ripgrep_process
from codexlab.rollout.search import search as search_module
from codexlab.rollout.search.search import search_rollouts


@needs_ripgrep
def test_a_word_of_every_line_is_found_without_keeping_what_ripgrep_says_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ripgrep may say so much and no more; the lines are then found here."""
    for number in range(3):
        make_rollout(tmp_path, number, *(message("user", f"a needle {n}") for n in range(200)))
    expected = search(tmp_path, ripgrep=None)
    monkeypatch.setattr(ripgrep_process, "_MOST_OUTPUT", 4096)
    assert search(tmp_path) == expected
    assert sum(len(result.hits) for result in expected) == 600


@needs_ripgrep
def test_ripgrep_ends_unfinished_where_its_output_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_rollout(tmp_path, 1, *(message("user", f"a needle {n}") for n in range(200)))
    monkeypatch.setattr(ripgrep_process, "_MOST_OUTPUT", 4096)
    run = ripgrep_process.RipgrepRun(str(RG), [], b"needle", False, [str(path)])
    assert run.result() == ({}, False)
    run.close()


def test_a_rollout_is_left_after_as_many_hits_as_are_wanted(tmp_path: Path) -> None:
    for number in range(2):
        make_rollout(tmp_path, number, *(message("user", f"a needle {n}") for n in range(50)))
    results = list(search_rollouts(tmp_path, make_query("needle"), most=2))
    assert [[hit.line for hit in result.hits] for result in results] == [[2, 3], [2, 3]]


def test_a_search_whose_process_is_killed_ends_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel does that when memory runs out."""
    ours = os.getpid()

    def die(*_: object) -> None:
        if os.getpid() != ours:
            os.kill(os.getpid(), signal.SIGKILL)

    for number in range(4):
        make_rollout(tmp_path, number, message("user", "a needle"))
    monkeypatch.setattr(search_module, "_WORTH_FORKING", 0)
    monkeypatch.setattr(search_module, "_BATCH_FILES", 1)
    monkeypatch.setattr(search_module, "search_one", die)
    with pytest.raises(SearchBroken, match="was killed"):
        list(search_rollouts(tmp_path, make_query("needle"), processes=2))
    assert multiprocessing.active_children() == []


def test_a_search_that_nobody_reads_to_the_end_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        make_rollout(tmp_path, number, message("user", "a needle"))
    monkeypatch.setattr(search_module, "_WORTH_FORKING", 0)
    monkeypatch.setattr(search_module, "_BATCH_FILES", 1)
    results = search_rollouts(tmp_path, make_query("needle"), processes=2)
    assert next(iter(results)).hits
    results.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("processes", [1, 2])
def test_many_hits_of_one_rollout_come_some_at_a_time_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    for number in range(3):
        make_rollout(tmp_path, number, *(message("user", f"a needle {n}") for n in range(50)))
    query = make_query("needle")
    whole = list(search_rollouts(tmp_path, query))
    monkeypatch.setattr(search_module, "_WORTH_FORKING", 0)
    monkeypatch.setattr(search_module, "_BATCH_FILES", 1)
    monkeypatch.setattr(match_module, "_LINES_AT_ONCE", 20)
    parts = list(search_rollouts(tmp_path, query, processes=processes))
    assert [len(part.hits) for part in parts] == [20, 20, 10] * 3
    assert [part.continued for part in parts] == [False, True, True] * 3
    assert {part.cwd for part in parts} == {"/src/app"}
    assert [hit for part in parts for hit in part.hits] == [
        hit for result in whole for hit in result.hits
    ]
    (first, second, third) = search_rollouts(tmp_path, query, most=20)
    assert [len(part.hits) for part in (first, second, third)] == [20] * 3


_PEAK = """
import sys
from codexlab.rollout import make_query
from codexlab.rollout.search.search import search_rollouts
print(sum(len(part.hits) for part in search_rollouts(sys.argv[1], make_query("needle"))))
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_number_of_hits(tmp_path: Path) -> None:
    peaks: list[int] = []
    for count in (100, 30_000):
        home = tmp_path / str(count)
        make_rollout(home, 1, *(message("user", f"a needle {n}") for n in range(count)))
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, home], stdout=subprocess.PIPE, text=True, check=True
        )
        hits, peak = map(int, done.stdout.split())
        assert hits == count
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 10 << 10, peaks  # KiB; all hits are 17 MiB
