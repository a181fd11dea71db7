"""``codexlab rollout list``, ``show`` and ``search`` print what a store holds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.commands import CODEXLAB
from support.rollout.files import (
    lines,
    message,
    meta,
    repeating_frame,
    rollout_path,
    thread_id,
    write,
)
from support.terminal.program import on_terminal

from codexlab.cli.commands.rollout import list as list_module
from codexlab.workspace.paths import WorkspaceKey, locate_workspace

Run = Callable[..., subprocess.CompletedProcess[str]]
_PROGRAM = str(CODEXLAB)
_EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eabc"


@pytest.fixture
def home(scratch: Path) -> Path:
    path = scratch / "codex"
    path.mkdir()
    return path


@pytest.fixture
def run(home: Path, clean_environ: dict[str, str]) -> Run:
    def call(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [_PROGRAM, "rollout", *arguments]
        environ = clean_environ | {"CODEX_HOME": str(home), "TZ": str(options.pop("zone", "UTC"))}
        return subprocess.run(
            command, env=environ, capture_output=True, text=True, check=False, **options
        )

    return call


def _make(home: Path, number: int, *records: dict[str, Any], **where: Any) -> Path:
    compressed = bool(where.pop("compressed", False))
    path = rollout_path(home, thread_id(number), **where)
    write(path, lines(meta(thread_id(number)), *records), compressed=compressed)
    return path


def _tool(kind: str, **fields: Any) -> dict[str, Any]:
    payload = {"type": kind, "call_id": "call-1", **fields}
    return {"timestamp": "2025-01-03T12:00:02.000Z", "type": "response_item", "payload": payload}


def test_list_shows_both_forms_with_titles_and_pages_through_json(home: Path, run: Run) -> None:
    for number in range(5):
        _make(home, number, message("user", f"task {number}"), compressed=number % 2 == 0)
    table = run("list")
    assert table.returncode == 0
    assert [row.split()[2] for row in table.stdout.splitlines()[1:]] == [
        thread_id(number) for number in (4, 3, 2, 1, 0)
    ]
    assert table.stdout.count("compressed") == 3
    assert "task 4" in table.stdout
    seen: list[str] = []
    more: list[str] = []
    while True:
        page = json.loads(run("list", "--json", "--limit", "2", *more).stdout)
        seen += [rollout["thread"] for rollout in page["rollouts"]]
        if page["next"] is None:
            break
        more = ["--after", page["next"]]
    assert seen == [thread_id(number) for number in (4, 3, 2, 1, 0)]


def test_list_by_issue_knows_the_threads_of_its_workspaces(
    home: Path, run: Run, workspaces_root: Path
) -> None:
    _make(home, 1)
    _make(home, 2)
    control = _control_of(workspaces_root, "acme", "ISSUE 7", "codex")
    control.mkdir(parents=True)
    key = {"v": 1, "project": "acme", "issue": "ISSUE 7", "agent": "codex"}
    (control / "workspace.json").write_text(json.dumps(key))
    entry = {"id": thread_id(2), "cwd": "/src/app", "agent": "codex", "seen": "2025-01-03"}
    (control / "threads.json").write_text(json.dumps({"threads": [entry], "cargo_key": None}))
    listed = json.loads(run("list", "--json", "--issue", "ISSUE 7").stdout)["rollouts"]
    assert [(rollout["thread"], rollout["issue"]) for rollout in listed] == [
        (thread_id(2), "ISSUE 7")
    ]
    assert json.loads(run("list", "--json", "--issue", "8").stdout)["rollouts"] == []
    assert run("show", "--issue", "ISSUE 7").stdout.startswith(thread_id(2))
    assert run("stats", "--issue", "ISSUE 7").stdout.startswith("1 rollout,")
    nothing = run("show", "--issue", "8")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (125, 1)


def test_the_workspaces_root_of_the_users_config_is_looked_into_too(
    home: Path, run: Run, scratch: Path, clean_environ: dict[str, str]
) -> None:
    _make(home, 1)
    control = _control_of(scratch / "elsewhere", "acme", "7", "codex")
    control.mkdir(parents=True)
    key = {"v": 1, "project": "acme", "issue": "7", "agent": "codex"}
    (control / "workspace.json").write_text(json.dumps(key))
    entry = {"id": thread_id(1), "cwd": "/src/app", "agent": "codex", "seen": "2025-01-03"}
    (control / "threads.json").write_text(json.dumps({"threads": [entry], "cargo_key": None}))
    del clean_environ["CODEXLAB_WORKSPACES_ROOT"]
    config = Path(clean_environ["XDG_CONFIG_HOME"], "codexlab", "config.toml")
    config.parent.mkdir(parents=True)
    config.write_text(f'workspaces_root = "{scratch}/elsewhere"\n')
    assert run("show", "--issue", "7").stdout.startswith(thread_id(1))
    for wrong in ("1", '""', "true"):
        config.write_text(f"# where\nworkspaces_root = {wrong}\n")
        refused = run("list")
        assert (refused.returncode, refused.stderr.count("\n")) == (125, 1)
        assert f"{config}:2: workspaces_root: expected a path" in refused.stderr


def _control_of(root: Path, project: str, issue: str, agent: str) -> Path:
    return locate_workspace(root, WorkspaceKey(project, issue, agent)).control


def test_show_is_readable_folded_and_unfolded(home: Path, run: Run) -> None:
    count = "\n".join(str(number) for number in range(100))
    _make(
        home,
        1,
        message("user", "<environment_context>hidden</environment_context>"),
        message("user", "count please"),
        _tool("function_call", name="exec_command", arguments='{"cmd":"seq 0 99"}'),
        _tool("function_call_output", output=count),
        message("assistant", "counted"),
        compressed=True,
    )
    folded = run("show", thread_id(1)[:16])
    assert folded.returncode == 0
    assert "hidden" not in folded.stdout
    assert "▸ exec_command  seq 0 99" in folded.stdout
    assert "94 lines" in folded.stdout
    assert folded.stdout.index("count please") < folded.stdout.index("counted")
    full = run("show", thread_id(1), "--full").stdout
    assert all(f"│ {number}\n" in full for number in range(100))
    assert "hidden" in run("show", thread_id(1), "--everything").stdout
    documents = [json.loads(row) for row in run("show", thread_id(1), "--json").stdout.splitlines()]
    assert [document["role"] for document in documents] == ["user", "tool", "tool", "assistant"]
    assert documents[2]["text"] == count


def test_show_says_which_lines_are_damaged_and_goes_on(home: Path, run: Run) -> None:
    path = _make(home, 1, message("user", "before"))
    with path.open("ab") as file:
        file.write(b"{torn\n" + lines(message("user", "bad Z")).replace(b"Z", b"\xff"))
        file.write(lines(message("assistant", "after")) + b'{"cut')
    shown = run("show", str(path)).stdout
    assert "[line 3: not a JSON object]" in shown
    assert "[line 4: not valid UTF-8]" in shown
    assert "bad \ufffd" in shown
    assert "after" in shown
    assert "[line 6: torn]" in shown


@pytest.mark.parametrize("arguments", [["list"], ["search", "abc", "-C2"], ["show", "019c1a2b"]])
def test_escape_sequences_in_content_reach_no_terminal(
    home: Path, run: Run, arguments: list[str], clean_environ: dict[str, str]
) -> None:
    path = rollout_path(home, thread_id(1))
    evil = meta(thread_id(1), cwd="/src/" + _EVIL)
    call = _tool("function_call", name=_EVIL, arguments=json.dumps({"cmd": _EVIL, _EVIL: _EVIL}))
    events = message("user", _EVIL), message("user", f"{_EVIL}\nabc {_EVIL}\n{_EVIL}")
    write(path, lines(evil, *events, call) + b"\x1b[2J{\n")
    index = {"id": thread_id(1), "thread_name": _EVIL}
    (home / "session_index.jsonl").write_bytes(lines(index))
    piped = run(*arguments)
    environ = clean_environ | {"CODEX_HOME": str(home), "TERM": "xterm-256color", "PAGER": "cat"}
    shown = on_terminal([_PROGRAM, "rollout", *arguments], environ)
    assert "abc" in shown
    for output in (piped.stdout, shown):
        for forbidden in ("\x1b]", "\x1b[2J", "\x9b", "\x07", "\u202e"):
            assert forbidden not in output
    assert "\x1b" not in piped.stdout


def test_search_prints_context_and_thread_in_order(home: Path, run: Run) -> None:
    _make(home, 1, message("user", "one\ntwo needle\nthree"), compressed=True)
    _make(home, 2, message("assistant", "a needle"), at="2025-02-01T00-00-00")
    found = run("search", "needle", "-C1")
    assert found.returncode == 0
    assert found.stdout.index(thread_id(2)) < found.stdout.index(thread_id(1))
    assert "one\n    two needle\n    three" in found.stdout
    assert run("search", "needle", "-l").stdout.split() == [thread_id(2), thread_id(1)]
    assert run("search", "needle", "--role", "user", "-l").stdout.split() == [thread_id(1)]
    assert run("search", "needle", "--limit", "1", "-l").stdout.split() == [thread_id(2)]
    documents = [json.loads(row) for row in run("search", "needle", "--json").stdout.splitlines()]
    assert [(document["thread"], document["line"]) for document in documents] == [
        (thread_id(2), 2),
        (thread_id(1), 2),
    ]
    assert run("search", "absent").returncode == 1


def test_dates_are_local_and_of_what_was_said(home: Path, run: Run) -> None:
    said = ("2025-01-03T22:30:00.000Z", "2025-01-03T23:30:00.000Z")
    _make(home, 1, *(message("user", f"needle {at}", at=at) for at in said))

    def lines_of(*options: str) -> list[int]:
        found = run("search", "needle", "--json", *options, zone="Europe/Berlin")
        return [json.loads(row)["line"] for row in found.stdout.splitlines()]

    assert lines_of("--since", "2025-01-04") == [3]
    assert lines_of("--until", "2025-01-04") == [2]
    assert lines_of("--since", "2025-01-03T22:30:00+00:00") == [2, 3]
    assert lines_of("--since", "1h") == []
    listed = run("list", "--json", "--since", "2025-01-03", "--until", "2025-01-04")
    assert len(json.loads(listed.stdout)["rollouts"]) == 1


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
@pytest.mark.parametrize(
    "choice",
    [
        ("--since", "500000d"),
        ("--since", "5000000d"),
        ("--since", "0001-01-01"),
        ("--since", "0999-01-01"),
        ("--until", "9999-12-31T23:59:59"),
    ],
)
def test_dates_at_either_end_of_the_calendar_are_dates(
    home: Path, run: Run, zone: str, choice: tuple[str, str]
) -> None:
    _make(home, 1, message("user", "needle"))
    for words in (("search", "needle", "-l"), ("list",)):
        found = run(*words, *choice, zone=zone)
        assert (found.returncode, found.stderr) == (0, "")
        assert thread_id(1) in found.stdout


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "1969-12-31T23:59:55.000+00:00"),
        (10**12, "9999-12-31T23:59:59.999+00:00"),
        (-(10**12), "0001-01-01T00:00:00.000+00:00"),
    ],
)
def test_a_files_time_outside_of_the_calendar_is_its_nearest_end(seconds: int, shown: str) -> None:
    # Which of them a file can have is up to its filesystem.
    assert list_module._moment(seconds * 10**9) == shown


def test_several_processes_find_the_same_in_the_same_order(home: Path, run: Run) -> None:
    filler = message("assistant", "filler " * 600_000)
    for number in range(20):
        _make(home, number, filler, message("user", f"needle {number}"), compressed=number % 2 == 0)
    one, two = (run("search", "needle", "-l", "--no-rg", "-j", count) for count in ("1", "2"))
    assert one.stdout.split() == [thread_id(number) for number in reversed(range(20))]
    assert two.stdout == one.stdout
    assert two.stderr == ""


def test_an_interrupt_ends_all_processes_quietly(home: Path, clean_environ: dict[str, str]) -> None:
    # Each of these keeps a worker busy for a second or more.
    bomb = home / "bomb"
    bomb.write_bytes(repeating_frame(lines(meta(thread_id(0))), 100 << 13))
    for number in range(40):
        path = rollout_path(home, thread_id(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".jsonl.zst").hardlink_to(bomb)
    command = [_PROGRAM, "rollout", "search", "needle", "--no-rg", "-j", "2"]
    environ = clean_environ | {"CODEX_HOME": str(home)}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
    ) as child:
        try:
            _wait_for_children(child.pid, 2)
            os.killpg(child.pid, signal.SIGINT)
            output, errors = child.communicate(timeout=30)
        finally:
            child.kill()
    assert (child.returncode, output, errors.strip()) == (130, b"", b"")


def _wait_for_children(pid: int, count: int) -> None:
    """Wait until so many workers exist and have begun to read."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        workers = children.read_text().split() if children.exists() else []
        if sum(_is_reading(worker) for worker in workers) == count:
            return
        os.sched_yield()
    pytest.fail("the workers did not start")


def _is_reading(worker: str) -> bool:
    try:
        return any(
            os.readlink(entry).endswith((".jsonl", ".zst"))
            for entry in Path(f"/proc/{worker}/fd").iterdir()
        )
    except FileNotFoundError:
        return False


def test_text_that_the_output_cannot_encode_is_replaced(home: Path, run: Run) -> None:
    _make(home, 1, message("user", "größer ▸ needle"))
    command = [_PROGRAM, "rollout", "search", "needle"]
    environ = {**os.environ, "CODEX_HOME": str(home), "PYTHONIOENCODING": "latin-1"}
    result = subprocess.run(command, env=environ, capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert "größer ? needle".encode("latin-1") in result.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["show"], "give a THREAD, or --issue"),
        (["show", "no-such-thread"], "no rollout of 'no-such-thread'"),
        (["show", "/nowhere/at/all"], "no rollout of '/nowhere/at/all'"),
        (["show", "019c1a2b"], "beginning of 2 thread ids"),
        (["list", "--since", "yesterday-ish"], "2026-01-31"),
        (["list", "--limit", "0"], "--limit"),
        (["list", "--after", "x"], "is not a cursor"),
        (["list", "--codex-home", "/nowhere"], "/nowhere is not a directory"),
        (["search", "(", "-e"], "not a regular expression"),
        (["search", ""], "it is empty"),
        (["search", "x", "--role", "boss"], "--role"),
    ],
)
def test_bad_input_is_one_line_and_125(
    home: Path, run: Run, arguments: list[str], word: str
) -> None:
    _make(home, 1)
    _make(home, 2)
    result = run(*arguments)
    assert result.returncode == 125
    assert result.stderr.count("\n") == 1
    assert word in result.stderr
    assert result.stdout == ""


def test_an_unreadable_rollout_is_told_and_hides_no_other(home: Path, run: Run) -> None:
    _make(home, 1, message("user", "needle"))
    rollout_path(home, thread_id(2)).write_bytes(b"")
    broken = rollout_path(home, thread_id(3))
    broken.with_name(broken.name + ".zst").write_bytes(b"no frame, but a needle")
    listed = run("list")
    assert listed.returncode == 0
    assert "(is empty)" in listed.stdout
    assert "damaged" in listed.stdout
    found = run("search", "needle", "-l")
    assert found.stdout.split() == [thread_id(1)]
    assert "damaged" in found.stderr
