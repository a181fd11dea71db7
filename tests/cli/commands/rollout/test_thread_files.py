"""Threads whose user went back: codex goes on in a new file, or says so within the old one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.agents.app_server import app_server
from support.agents.codex import OLD, Codex
from support.commands import codexlab
from support.model.server import ModelFactory, ModelRequest, ModelServer, Turn, say
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write
from support.rollout.transcripts import rollouts

from codexlab.rollout import find_thread
from codexlab.rollout.maintenance.verify import verify_rollout
from codexlab.rollout.operations.handle import StoreHandle

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(clean_environ: dict[str, str]) -> Run:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return codexlab(clean_environ, "rollout", *words)

    return call


@pytest.fixture
def server(model: ModelFactory) -> ModelServer:
    def answer(request: ModelRequest) -> Turn:
        return say(f"an answer to {request.prompt}")

    return model(answer)


def rows(run: Run, *words: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(run("list", "--json", *words).stdout)["rollouts"]
    return listed


def said(run: Run, *words: str) -> list[str]:
    shown = [json.loads(line) for line in run("show", "--json", *words).stdout.splitlines()]
    return [entry["text"] for entry in shown if entry["role"] == "user"]


def found(run: Run, words: str) -> list[tuple[str, bool]]:
    hits = [json.loads(line) for line in run("search", "--json", words).stdout.splitlines()]
    return sorted((hit["role"], hit["reverted"]) for hit in hits)


def test_a_thread_that_was_gone_back_in_is_one_and_what_codex_goes_on_from(
    codex: Codex,
    clean_environ: dict[str, str],
    source_repo: Path,
    shared_home: Path,
    server: ModelServer,
    run: Run,
) -> None:
    with app_server(codex, clean_environ, source_repo) as client:
        thread = client.start(source_repo, "paginated")
        for words in ("alpha", "beta", "gamma"):
            client.turn(thread, words)
        client.revert(thread, client.turns(thread)[2])
        client.turn(thread, "delta")
        client.revert(thread, client.turns(thread)[1])
        client.turn(thread, "epsilon")
        seen = server.requests[-1].prompts
        fork = client.fork(thread)
        client.turn(fork, "zeta")
        client.revert(fork, client.turns(fork)[1])
        client.turn(fork, "eta")
        seen_by_fork = server.requests[-1].prompts
        client.turn(thread, "theta")
        seen = server.requests[-1].prompts
    assert (seen, seen_by_fork) == (["alpha", "epsilon", "theta"], ["alpha", "eta"])
    files = [str(path) for path in rollouts(shared_home)]
    listed = {row["thread"]: row for row in rows(run)}
    assert listed.keys() == {thread, fork}
    assert sorted(listed[thread]["files"] + listed[fork]["files"]) == files
    assert [len(listed[each]["files"]) for each in (thread, fork)] == [3, 2]
    assert listed[fork]["forked_from"] == thread
    table = run("list").stdout
    assert [line.split()[-1] for line in table.splitlines()[1:]] == ["alpha", "alpha"]
    assert said(run, thread) == seen
    assert said(run, fork) == seen_by_fork
    assert "gamma" not in run("show", thread).stdout
    everything = run("show", "--everything", thread).stdout
    assert "gamma" in everything
    assert "(taken back)" in everything
    older = listed[thread]["files"][0]
    assert said(run, older) == ["alpha", "beta", "gamma"]
    check_search(run, thread)
    stats = run("stats", "--json", "--sample", "0")
    assert json.loads(stats.stdout)["total"]["rollouts"] == 5
    assert "5 rollouts of 2 threads" in run("stats", "--sample", "0").stdout
    check_forms(run, shared_home, thread, seen)


def check_search(run: Run, thread: str) -> None:
    for words, reverted in (("beta", True), ("gamma", True), ("delta", True), ("theta", False)):
        assert {is_back for _, is_back in found(run, words)} == {reverted}, words
    # The fork's own text that was taken back, and the one that was not.
    assert {is_back for _, is_back in found(run, "zeta")} == {True}
    assert {is_back for _, is_back in found(run, "alpha")} == {False}
    assert "(taken back)" in run("search", "gamma").stdout
    assert run("search", "-l", "gamma").returncode == 1
    assert run("search", "-l", "theta").stdout.split() == [thread]


def compress_all(run: Run, *, shared_home: Path, thread: str) -> None:
    """Compress each file of a thread, also one that changed within the kernel's last tick."""
    for _ in range(10):
        assert run("compress", thread).returncode in {0, 75}
        if not any(thread in path.name for path in rollouts(shared_home)):
            return
    pytest.fail(f"files of {thread} stay plain")


def check_forms(run: Run, home: Path, thread: str, seen: list[str]) -> None:
    """Each file of a thread is compressed, verified and restored; nothing else changes."""
    before = {path: path.read_bytes() for path in rollouts(home) if thread in path.name}
    compress_all(run, shared_home=home, thread=thread)
    assert said(run, thread) == seen
    (row,) = [row for row in rows(run) if row["thread"] == thread]
    assert row["form"] == "compressed"
    assert [row["thread"] for row in rows(run, "--form", "compressed")] == [thread]
    assert len(run("verify", thread).stdout) == 0
    check_search(run, thread)
    assert run("restore", thread).returncode == 0
    assert {path: path.read_bytes() for path in before} == before


def test_codex_goes_on_with_a_thread_of_compressed_files(
    codex: Codex,
    clean_environ: dict[str, str],
    source_repo: Path,
    shared_home: Path,
    server: ModelServer,
    run: Run,
) -> None:
    with app_server(codex, clean_environ, source_repo) as client:
        thread = client.start(source_repo, "paginated")
        client.turn(thread, "one")
        client.turn(thread, "two")
        client.revert(thread, client.turns(thread)[1])
        client.turn(thread, "two edited")
    compress_all(run, shared_home=shared_home, thread=thread)
    with app_server(codex, clean_environ, source_repo) as client:
        client.turn(client.resume(thread), "three")
        assert server.requests[-1].prompts == ["one", "two edited", "three"]
        client.archive(thread)
    assert said(run, thread) == ["one", "two edited", "three"]
    (row,) = rows(run)
    assert row["archived"]
    places = StoreHandle(shared_home)
    for path in row["files"]:
        findings = list(verify_rollout(places.rollout(path)))
        assert [finding for finding in findings if not finding.is_harmless] == []


@pytest.mark.parametrize("codex", [OLD], indirect=True)
def test_what_an_older_codex_rolled_back_within_its_file_is_left_out(
    codex: Codex,
    clean_environ: dict[str, str],
    source_repo: Path,
    server: ModelServer,
    run: Run,
) -> None:
    with app_server(codex, clean_environ, source_repo) as client:
        thread = client.start(source_repo, None)
        for words in ("alpha", "beta", "gamma"):
            client.turn(thread, words)
        client.roll_back(thread, 2)
        client.turn(thread, "delta")
        assert server.requests[-1].prompts == ["alpha", "delta"]
    assert said(run, thread) == ["alpha", "delta"]
    assert "beta" not in run("show", thread).stdout
    assert "beta" in run("show", "--everything", thread).stdout
    assert {is_back for _, is_back in found(run, "gamma")} == {True}
    assert {is_back for _, is_back in found(run, "delta")} == {False}


def _piece(home: Path, thread: str, piece: str | None, base: object, *texts: str) -> Path:
    fields: dict[str, Any] = {} if base is None else {"history_base": base}
    first = {"ordinal": 0, **meta(thread, history_mode="paginated", **fields)}
    records = [{"ordinal": n, **message("user", text)} for n, text in enumerate(texts, 1)]
    return write(rollout_path(home, thread, revert=piece), lines(first, *records))


@pytest.mark.parametrize(
    ("base", "complaint"),
    [
        ({"thread_id": thread_id(9), "end_ordinal_exclusive": 1, "end_byte_offset": 9}, "missing"),
        ({"thread_id": thread_id(2), "end_ordinal_exclusive": 1, "end_byte_offset": 9}, "itself"),
        ({"thread_id": "../../x", "end_ordinal_exclusive": 1, "end_byte_offset": 9}, ""),
        ({"thread_id": 7, "end_ordinal_exclusive": "1", "end_byte_offset": -1}, ""),
        (["odd"], ""),
    ],
)
def test_a_file_that_names_no_good_beginning_is_shown_by_itself(
    shared_home: Path, run: Run, base: object, complaint: str
) -> None:
    _piece(shared_home, thread_id(1), thread_id(2), base, "the words")
    shown = run("show", thread_id(1))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "the words" in shown.stdout
    assert complaint in shown.stdout
    assert run("list").stdout.rstrip().endswith("the words")
    assert run("search", "the words").returncode == 0


def test_of_two_files_the_one_that_began_later_is_gone_on_with(shared_home: Path) -> None:
    """One was named in Tokyo at 12:00, which is 03:00 UTC, the later one in London at 04:00."""
    thread = thread_id(1)
    written = (
        (None, "2025-01-03T12-00-00", "2025-01-03T03:00:00.000Z"),
        (thread_id(2), "2025-01-03T04-00-00", "2025-01-03T04:00:00.000Z"),
    )
    for piece, at, stamp in written:
        path = rollout_path(shared_home, thread, at=at, revert=piece)
        write(path, lines(meta(thread, timestamp=stamp)))
    newest = find_thread(shared_home, thread)
    assert newest is not None
    assert newest.name.rollout_id == thread_id(2)
