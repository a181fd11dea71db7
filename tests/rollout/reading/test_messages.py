"""Who wrote what in a user's message: the person, or codex on their behalf."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.agents.app_server import app_server
from support.agents.codex import OLD, Codex
from support.marks import both_codex
from support.model.server import ModelFactory, ModelRequest, Turn, say
from support.pictures import picture
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write
from support.rollout.transcripts import rollout_of

from codexlab.rollout import Entry, Role, make_query, open_snapshot, read_conversation
from codexlab.rollout.catalog.listing import list_rollouts
from codexlab.rollout.catalog.titles import first_prompt
from codexlab.rollout.reading.entries import entries_of
from codexlab.rollout.search.search import search_rollouts

IDE = "# Context from my IDE setup:\n\n## Open tabs:\n- a.py: src/a.py\n\n"
ASKED = "## My request for Codex:\nfix the parser"


def _user(*texts: str) -> dict[str, Any]:
    record = message("user", "")
    record["payload"]["content"] = [{"type": "input_text", "text": text} for text in texts]
    return record


def _spoken(record: dict[str, Any]) -> list[tuple[Role, str]]:
    return [(entry.role, entry.text) for entry in entries_of(record)]


@pytest.mark.parametrize(
    "text",
    [
        "<environment_context>\n  <cwd>/src</cwd>\n</environment_context>",
        "<user_instructions>\n\nbe good\n\n</user_instructions>",
        "# AGENTS.md instructions for /src\n\n<INSTRUCTIONS>\nbe good\n</INSTRUCTIONS>",
        "<user_shell_command>\n<command>\nls\n</command>\n</user_shell_command>",
        "<skill>\n<name>greet</name>\n</skill>",
        '<subagent_notification>\n{"agent":"a"}\n</subagent_notification>',
        "<collaboration_mode>plan</collaboration_mode>",
        "<recommended_plugins>\n</recommended_plugins>",
        "<turn_aborted>\n  <reason>interrupted</reason>\n</turn_aborted>",
        '<hook_prompt hook_run_id="1">go on</hook_prompt>',
        "## Code review guidelines:\n\nbe strict",
        "  \n<permissions instructions>\nnone",
    ],
)
def test_what_codex_writes_under_the_users_role_is_instructions(text: str) -> None:
    assert _spoken(_user(text)) == [(Role.INSTRUCTIONS, text)]


@pytest.mark.parametrize(
    "text", ["<skills> are what?", "see # AGENTS.md instructions", "<b>bold</b>", "", "<turnip>"]
)
def test_what_only_resembles_it_is_the_users(text: str) -> None:
    assert _spoken(_user(text)) == [(Role.USER, text)]


def test_of_a_message_with_several_parts_each_goes_to_its_writer() -> None:
    record = _user("<environment_context>x", "look at this", '<image name=[Image #1] path="p">')
    assert _spoken(record) == [
        (Role.INSTRUCTIONS, '<environment_context>x\n<image name=[Image #1] path="p">'),
        (Role.USER, "look at this"),
    ]


def test_what_an_editor_puts_in_front_of_a_request_is_parted_from_it() -> None:
    assert _spoken(_user(IDE + ASKED)) == [
        (Role.INSTRUCTIONS, IDE + "## My request for Codex:"),
        (Role.USER, "fix the parser"),
    ]
    assert _spoken(_user(IDE)) == [(Role.USER, IDE)]


def test_show_and_search_tell_the_two_apart(tmp_path: Path) -> None:
    path = write(
        rollout_path(tmp_path, thread_id(1)),
        lines(meta(thread_id(1)), _user("<skill>parser</skill>"), _user(IDE + ASKED)),
    )
    with open_snapshot(path) as snapshot:
        assert first_prompt(snapshot) == "fix the parser"
        (said,) = [line.entry for line in read_conversation(snapshot)]
        everything = list(read_conversation(snapshot, Role))
    assert said is not None
    assert said.text == "fix the parser"
    assert [line.number for line in everything] == [1, 2, 3, 3]
    for words, role, expected in (
        ("parser", Role.USER, [3]),
        ("parser", Role.INSTRUCTIONS, [2]),
        ("Open tabs", Role.INSTRUCTIONS, [3]),
        ("Open tabs", Role.USER, []),
    ):
        query = make_query(words, roles=frozenset({role}))
        hits = [hit for result in search_rollouts(tmp_path, query) for hit in result.hits]
        assert [hit.line for hit in hits] == expected


def _previews(home: Path) -> dict[str, str]:
    with closing(sqlite3.connect(home / "state_5.sqlite")) as database:
        columns = {row[1] for row in database.execute("PRAGMA table_info(threads)")}
        column = "preview" if "preview" in columns else "first_user_message"
        return dict(database.execute(f"SELECT id, {column} FROM threads"))


def _said(path: Path) -> Iterator[Entry]:
    with open_snapshot(path) as snapshot:
        yield from (line.entry for line in read_conversation(snapshot, [Role.USER]) if line.entry)


@pytest.mark.parametrize("history", ["legacy", "paginated"])
@both_codex
def test_titles_are_what_codex_itself_shows(
    codex: Codex,
    model: ModelFactory,
    shared_home: Path,
    source_repo: Path,
    clean_environ: dict[str, str],
    scratch: Path,
    history: str,
) -> None:
    if codex.version == OLD and history == "paginated":
        pytest.skip("codex 0.135 writes no paginated history")

    def answer(request: ModelRequest) -> Turn:
        return say("done")

    model(answer)
    skill = shared_home / "skills" / "greet" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: greet\ndescription: greets\n---\nSay hello.\n")
    (source_repo / "AGENTS.md").write_text("be nice\n")
    mode = None if codex.version == OLD else history
    with app_server(codex, clean_environ, source_repo) as client:
        asked = {
            client.start(source_repo, mode): words
            for words in (IDE + ASKED, "$greet do it", "see this", "after a command", "a\n\nb ")
        }
        for thread, words in asked.items():
            if words == "after a command":
                client.shell(thread, "echo hi")
            image = picture(scratch / "dot.png") if words == "see this" else None
            client.turn(thread, words, image=image)
    previews = _previews(shared_home)
    listed = {e.rollout.thread_id: e.rollout.path for e in list_rollouts(shared_home).entries}
    assert listed.keys() == previews.keys() == asked.keys()
    for thread, path in listed.items():
        with open_snapshot(path) as snapshot:
            assert first_prompt(snapshot).strip() == previews[thread].strip()
    for thread, words in asked.items():
        texts = [entry.text for entry in _said(rollout_of(shared_home, thread))]
        request = words.removeprefix(IDE).removeprefix("## My request for Codex:\n")
        assert len(texts) == 1
        assert texts[0].startswith(request)
