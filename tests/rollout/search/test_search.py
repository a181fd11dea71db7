"""A search finds exactly what reading every rollout would find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.agents.codex import find_ripgrep
from support.rollout.files import frame, lines, message, meta, rollout_path, thread_id, write

from codexlab.rollout import Filters, Role, SearchedRollout, make_query
from codexlab.rollout.search.search import search_rollouts
from codexlab.rollout.store.scan import UnreadableDirectory

FORMS = pytest.mark.parametrize("compressed", [False, True])


def _tool(kind: str, **fields: Any) -> dict[str, Any]:
    payload = {"type": kind, "call_id": "call-1", **fields}
    return {"timestamp": "2025-01-03T12:00:02.000Z", "type": "response_item", "payload": payload}


def _event(text: str) -> dict[str, Any]:
    payload = {"type": "agent_message", "message": text}
    return {"timestamp": "2025-01-03T12:00:01.000Z", "type": "event_msg", "payload": payload}


def _make(home: Path, number: int, *records: dict[str, Any], compressed: bool = False) -> Path:
    path = rollout_path(home, thread_id(number))
    write(path, lines(meta(thread_id(number)), *records), compressed=compressed)
    return path


def _search(home: Path, pattern: str, **options: Any) -> list[SearchedRollout]:
    filters = options.pop("filters", None)
    ripgrep = options.pop("ripgrep", None)
    return list(search_rollouts(home, make_query(pattern, **options), filters, ripgrep=ripgrep))


def _lines(results: list[SearchedRollout]) -> list[int]:
    return [hit.line for result in results for hit in result.hits]


@FORMS
def test_text_is_found_in_either_form_keyed_by_the_plain_path(
    tmp_path: Path, compressed: bool
) -> None:
    path = _make(tmp_path, 1, message("user", "a targeted search term"), compressed=compressed)
    (result,) = _search(tmp_path, "search term")
    assert result.rollout.path == str(path)
    assert result.cwd == "/src/app"
    (hit,) = result.hits
    assert (hit.line, hit.entry.role, hit.matches) == (2, Role.USER, 1)
    assert hit.excerpts[0].line == "a targeted search term"
    assert hit.excerpts[0].span == (11, 22)
    assert len(os.listdir(path.parent)) == 1


@FORMS
def test_what_codex_writes_twice_is_found_once(tmp_path: Path, compressed: bool) -> None:
    said = "an answer"
    _make(tmp_path, 1, _event(said), message("assistant", said), compressed=compressed)
    assert _lines(_search(tmp_path, said)) == [3]
    assert _lines(_search(tmp_path, said, roles=frozenset({Role.EVENT}))) == [2]


@FORMS
def test_quotes_breaks_and_umlauts_are_found_through_two_layers_of_json(
    tmp_path: Path, compressed: bool
) -> None:
    text = 'say "hällo"\nor\t\\never'
    arguments = json.dumps({"cmd": text, "login": False})
    nested = _tool("function_call", name="exec_command", arguments=arguments)
    output = _tool("function_call_output", output=text)
    _make(tmp_path, 1, message("user", text), nested, output, compressed=compressed)
    for pattern in (text, '"hällo"', "\nor\t", "\\never", "hällo"):
        assert _lines(_search(tmp_path, pattern)) == [2, 3, 4], pattern


@pytest.mark.parametrize(
    "record",
    [
        _tool("function_call", name="shell", arguments='{"command":["bash","-lc","ls needle"]}'),
        _tool("function_call_output", output='{"output":"a needle","metadata":{"exit_code":0}}'),
        _tool("function_call_output", output=[{"type": "input_text", "text": "needle"}]),
        _tool("custom_tool_call", name="apply_patch", input="*** Begin\n+needle"),
        _tool("custom_tool_call_output", output="needle"),
        _tool("local_shell_call", action={"type": "exec", "command": ["echo", "needle"]}),
        _tool("web_search_call", action={"type": "search", "query": "needle"}),
        _tool("reasoning", summary=[{"type": "summary_text", "text": "needle"}]),
        _tool("kind_of_tomorrow", deep=[{"er": "needle"}]),
        {"type": "record_of_tomorrow", "payload": {"note": "needle"}},
        {"type": "record_of_tomorrow", "new": ["needle"]},
        {"type": "compacted", "payload": {"message": "needle"}},
    ],
)
def test_every_kind_of_record_is_searched(tmp_path: Path, record: dict[str, Any]) -> None:
    _make(tmp_path, 1, record)
    assert _lines(_search(tmp_path, "needle")) == [2]


def test_roles_times_and_directories_narrow_the_search(tmp_path: Path) -> None:
    early = message("user", "needle", at="2025-01-03T12:00:00.000Z")
    late = message("assistant", "needle", at="2025-01-05T12:00:00.000Z")
    _make(tmp_path, 1, early, late)
    other = rollout_path(tmp_path, thread_id(2), archived=True)
    write(other, lines(meta(thread_id(2), cwd="/src/other"), early))
    assert len(_lines(_search(tmp_path, "needle"))) == 3
    assert _lines(_search(tmp_path, "needle", roles=frozenset({Role.ASSISTANT}))) == [3]
    assert _lines(_search(tmp_path, "needle", since="2025-01-04T00:00:00.000Z")) == [3]
    assert _lines(_search(tmp_path, "needle", until="2025-01-04T00:00:00.000Z")) == [2, 2]
    assert _lines(_search(tmp_path, "needle", filters=Filters(cwd="/src/app"))) == [2, 3]
    assert _lines(_search(tmp_path, "needle", filters=Filters(archived=True))) == [2]


def test_context_and_cuts_surround_a_match(tmp_path: Path) -> None:
    text = "one\ntwo\n" + "x" * 500 + "needle" + "y" * 500 + "\nfour\nfive"
    _make(tmp_path, 1, message("user", text))
    ((hit,),) = [result.hits for result in _search(tmp_path, "needle", context=1)]
    (excerpt,) = hit.excerpts
    assert (excerpt.before, excerpt.after) == (("two",), ("four",))
    start, end = excerpt.span
    assert excerpt.line[start:end] == "needle"
    assert len(excerpt.line) < 250
    assert (excerpt.line[0], excerpt.line[-1]) == ("…", "…")


@FORMS
def test_damage_bad_lines_and_invalid_utf8_hide_nothing_else(
    tmp_path: Path, compressed: bool
) -> None:
    bad = lines(message("user", "needle X")).replace(b"X", b"\xff")
    data = lines(meta(thread_id(1))) + b"{torn needle\n" + bad + lines(message("user", "needle"))
    path = write(rollout_path(tmp_path, thread_id(1)), data, compressed=compressed)
    if compressed:
        path.write_bytes(path.read_bytes() + b"garbage" + frame(lines(message("user", "needle"))))
    (result,) = _search(tmp_path, "needle")
    assert _lines([result]) == ([3, 4, 6] if compressed else [3, 4])
    assert bool(result.problems) == compressed


@FORMS
@pytest.mark.parametrize("shift", range(-8, 9, 4))
def test_a_match_across_the_edge_of_a_piece_is_found_once(
    tmp_path: Path, compressed: bool, shift: int
) -> None:
    first = lines(meta(thread_id(1)))
    filler = (256 << 10) - len(first) - len(lines(message("user", "needle"))) // 2 + shift
    data = first + b"\n" * filler + lines(message("user", "needle"), message("user", "needle"))
    write(rollout_path(tmp_path, thread_id(1)), data, compressed=compressed)
    assert _lines(_search(tmp_path, "needle")) == [filler + 2, filler + 3]


def test_a_line_of_many_pieces_is_found_once_and_the_next_too(tmp_path: Path) -> None:
    long = message("user", "needle" + "x" * 700_000 + "needle" + "y" * 300_000 + "needle")
    _make(tmp_path, 1, long, message("user", "needle"))
    first, second = (hit for result in _search(tmp_path, "needle") for hit in result.hits)
    assert (first.line, first.matches, second.line, second.matches) == (2, 3, 3, 1)


def test_an_unreadable_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "archived_sessions").touch()
    told: list[UnreadableDirectory] = []
    assert not list(search_rollouts(tmp_path, make_query("x"), on_unreadable=told.append))
    assert [directory.path for directory in told] == [str(tmp_path / "archived_sessions")]


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.text(alphabet='aAbB "\\\nä', max_size=12), min_size=1, max_size=6),
    pattern=st.text(alphabet='aAbB "\\\nä', min_size=1, max_size=3),
    ignore_case=st.booleans(),
    compressed=st.booleans(),
)
def test_the_search_finds_exactly_what_reading_everything_would(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    pattern: str,
    ignore_case: bool,
    compressed: bool,
) -> None:
    home = tmp_path_factory.mktemp("home")
    _make(home, 1, *(message("user", text) for text in texts), compressed=compressed)
    fold = str.lower if ignore_case else str
    expected = [n for n, text in enumerate(texts, 2) if fold(pattern) in fold(text)]
    assert _lines(_search(home, pattern, ignore_case=ignore_case)) == expected


@pytest.mark.skipif(find_ripgrep() is None, reason="no ripgrep, and no codex that brings one")
def test_ripgrep_changes_nothing_but_the_time(tmp_path: Path) -> None:
    records = [message("user", f"needle {number} Größe") for number in range(50)]
    _make(tmp_path, 1, *records)
    _make(tmp_path, 2, *records, compressed=True)
    _make(tmp_path, 3, message("user", "nothing"))
    (tmp_path / ".ignore").write_text("*\n")
    rg = find_ripgrep()
    for pattern, case in (("needle 7", False), ("NEEDLE 1", True), ("Größe", False)):
        with_rg = _search(tmp_path, pattern, ignore_case=case, ripgrep=rg)
        assert with_rg == _search(tmp_path, pattern, ignore_case=case)
        assert with_rg


@pytest.mark.skipif(find_ripgrep() is None, reason="no ripgrep, and no codex that brings one")
def test_large_rollouts_that_ripgrep_maps_have_the_same_lines(tmp_path: Path) -> None:
    filler = [message("user", "x" * 4000) for _ in range(300)]
    for number in (1, 2):
        _make(tmp_path, number, *filler, message("user", f"needle {number}"), *filler)
    with_rg = _search(tmp_path, "needle", ripgrep=find_ripgrep())
    assert with_rg == _search(tmp_path, "needle")
    assert _lines(with_rg) == [302, 302]


@pytest.mark.parametrize(("characters", "flag"), [(100, "--no-mmap"), (600 << 10, "--mmap")])
def test_only_large_rollouts_are_mapped(tmp_path: Path, characters: int, flag: str) -> None:
    _make(tmp_path, 1, message("user", "x" * characters))
    rg = _fake_ripgrep(tmp_path, f'echo "$@" > {tmp_path}/given; exit 1')
    assert not _search(tmp_path, "needle", ripgrep=rg)
    assert flag in (tmp_path / "given").read_text().split()


def _fake_ripgrep(directory: Path, body: str) -> str:
    program = directory / "rg"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(program)


def test_what_ripgrep_could_not_read_is_read_here(tmp_path: Path) -> None:
    _make(tmp_path, 1, message("user", "needle"))
    for end in ("exit 2", "kill -BUS $$"):  # the second: a mapped file was cut
        assert _lines(_search(tmp_path, "needle", ripgrep=_fake_ripgrep(tmp_path, end))) == [2]
    # That its answer counts is shown by one that finds nothing.
    assert not _search(tmp_path, "needle", ripgrep=_fake_ripgrep(tmp_path, "exit 1"))


def test_a_rollout_compressed_after_ripgrep_read_it_is_searched_anew(tmp_path: Path) -> None:
    data = lines(meta(thread_id(1)), message("user", "needle"))
    path = write(rollout_path(tmp_path, thread_id(1)), data)
    packed = tmp_path / "packed"
    packed.write_bytes(frame(data))
    rg = _fake_ripgrep(
        tmp_path, f"mv '{packed}' '{path}.zst'; rm '{path}'; printf '%s\\0002:0:x\\n' '{path}'"
    )
    assert _lines(_search(tmp_path, "needle", ripgrep=rg)) == [2]


_SWAPPER = """
import os, random, select, sys
order = random.Random(4)
pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
print("swapping", flush=True)
while not select.select([0], [], [], 0)[0]:
    plain, spare = order.choice(pairs)
    os.link(spare, plain + ".zst")
    os.unlink(plain)
    os.link(spare[:-4], plain)
    os.unlink(plain + ".zst")
"""


def test_nothing_is_missed_while_forms_change(tmp_path: Path) -> None:
    home, spare = tmp_path / "home", tmp_path / "spare"
    spare.mkdir()
    arguments: list[str] = []
    for number in range(30):
        path = _make(home, number, message("user", f"needle {number}"))
        (spare / str(number)).write_bytes(path.read_bytes())
        (spare / f"{number}.zst").write_bytes(frame(path.read_bytes()))
        arguments += [str(path), str(spare / f"{number}.zst")]
    command = [sys.executable, "-c", _SWAPPER, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        found = [len(_search(home, "needle")) for _ in range(40)]
        child.communicate(timeout=20)
    assert child.returncode == 0
    assert found == [30] * 40


_SEARCH = """
import sys
from codexlab.rollout import make_query
from codexlab.rollout.search.search import search_rollouts
found = sum(len(r.hits) for r in search_rollouts(sys.argv[1], make_query("needle")))
print(found, open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


@FORMS
def test_memory_does_not_grow_with_the_rollouts(tmp_path: Path, compressed: bool) -> None:
    filler = lines(*(message("assistant", "z" * 9_000) for _ in range(1000)))
    data = lines(meta(thread_id(1))) + filler * 10 + lines(message("user", "needle"))
    write(rollout_path(tmp_path, thread_id(1)), data, compressed=compressed)
    command = [sys.executable, "-c", _SEARCH, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    found, peak_kib = map(int, result.stdout.split())
    assert found == 1
    assert peak_kib < 60 * 1024 < len(data) // 1024
