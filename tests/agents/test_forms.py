"""What codex and claude say in their streams, and how each goes on with a thread."""

import pytest

from codexlab.agents.adapter import NO_NEWS, AgentStatus, LineReader, StreamNews, expand_resume
from codexlab.agents.registry import adapter_of

CODEX, CLAUDE, GENERIC = map(adapter_of, ("codex", "claude", "generic"))


def stdout(*words: str) -> LineReader:
    read = adapter_of(words[0]).readers(words).stdout
    assert read is not None
    return read


THREAD = "019a1b2c-3d4e-7f50-8a9b-0c1d2e3f4a5b"


def test_only_an_argument_that_is_exactly_the_placeholder_is_replaced() -> None:
    command = ("codex", "exec", "{resume}", "say {resume} and {x}", "{resume} ")
    expanded = expand_resume(command, CODEX, THREAD)
    assert expanded == ("codex", "exec", "resume", THREAD, "say {resume} and {x}", "{resume} ")


def test_without_a_session_the_placeholder_becomes_nothing() -> None:
    assert expand_resume(("codex", "exec", "{resume}", "go"), CODEX, None) == (
        "codex", "exec", "go",
    )  # fmt: skip


def test_claude_resumes_by_a_flag() -> None:
    assert expand_resume(("claude", "{resume}"), CLAUDE, "x") == ("claude", "--resume", "x")


def test_codex_json_names_the_thread_and_its_last_word() -> None:
    line = b'{"type":"thread.started","thread_id":"%s"}' % THREAD.encode()
    assert stdout("codex", "--json")(line) == StreamNews(THREAD, None)
    assert stdout("codex", "--json")(b'{"type":"turn.completed"}').agent_status == "completed"
    assert stdout("codex", "--json")(b'{"type":"turn.failed"}').agent_status == "failed"


def test_a_turn_that_began_takes_back_the_last_word() -> None:
    assert stdout("codex", "--json")(b'{"type":"turn.started"}').agent_status == "none"


def test_claude_json_names_the_session_and_its_result() -> None:
    line = b'{"type":"result","is_error":true,"session_id":"abc"}'
    assert stdout("claude", "--output-format=json")(line) == StreamNews("abc", AgentStatus.FAILED)


@pytest.mark.parametrize("line", [b"", b"text", b"{", b"[1]", b"{\xff}", b"null", b'{"type":5}'])
def test_lines_that_are_no_events_tell_nothing(line: bytes) -> None:
    assert stdout("codex", "--json")(line) == StreamNews()


def test_the_banner_names_the_session_where_no_json_was_asked_for() -> None:
    line = b"session id: " + THREAD.encode()
    read = CODEX.readers(("codex", "exec")).stderr
    assert read is not None
    assert read(line).thread == THREAD
    assert read(b"my session id: " + THREAD.encode()) == NO_NEWS
    assert GENERIC.readers(("x",)).stderr is None


def test_json_is_read_only_where_it_was_asked_for() -> None:
    assert CODEX.readers(("codex", "exec", "--json")).stdout
    assert not CODEX.readers(("codex", "exec")).stdout
    assert CLAUDE.readers(("claude", "-p", "--output-format", "stream-json")).stdout


def test_codexs_farewell_on_its_screen_names_the_thread() -> None:
    thread = "01a1f9f1-8a3d-7ea3-8246-b267f4c438f2"
    line = f"  \x1b[36mcodex resume {thread}\x1b[39m".encode()
    assert CODEX.read_screen_line(line).thread == thread
    assert GENERIC.read_screen_line(line).thread is None
    assert CODEX.read_screen_line(b"codex resume --last").thread is None
