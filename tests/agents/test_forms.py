"""What we know of codex and claude."""

import pytest

from codexlab.agents.forms import (
    StreamNews,
    expand_resume,
    read_stderr_line,
    read_stdout_line,
    read_terminal_line,
    speaks_json,
)

THREAD = "019a1b2c-3d4e-7f50-8a9b-0c1d2e3f4a5b"


def test_only_an_argument_that_is_exactly_the_placeholder_is_replaced() -> None:
    command = ("codex", "exec", "{resume}", "say {resume} and {x}", "{resume} ")
    expanded = expand_resume(command, "codex", THREAD)
    assert expanded == ("codex", "exec", "resume", THREAD, "say {resume} and {x}", "{resume} ")


def test_without_a_session_the_placeholder_becomes_nothing() -> None:
    assert expand_resume(("codex", "exec", "{resume}", "go"), "codex", None) == (
        "codex", "exec", "go",
    )  # fmt: skip


def test_claude_resumes_by_a_flag() -> None:
    assert expand_resume(("claude", "{resume}"), "claude", "x") == ("claude", "--resume", "x")


def test_codex_json_names_the_thread_and_its_last_word() -> None:
    line = b'{"type":"thread.started","thread_id":"%s"}' % THREAD.encode()
    assert read_stdout_line("codex", line) == StreamNews(THREAD, None)
    assert read_stdout_line("codex", b'{"type":"turn.completed"}').last_word == "completed"
    assert read_stdout_line("codex", b'{"type":"turn.failed"}').last_word == "failed"


def test_a_turn_that_began_takes_back_the_last_word() -> None:
    assert read_stdout_line("codex", b'{"type":"turn.started"}').last_word == "none"


def test_claude_json_names_the_session_and_its_result() -> None:
    line = b'{"type":"result","is_error":true,"session_id":"abc"}'
    assert read_stdout_line("claude", line) == StreamNews("abc", "failed")


@pytest.mark.parametrize("line", [b"", b"text", b"{", b"[1]", b"{\xff}", b"null", b'{"type":5}'])
def test_lines_that_are_no_events_tell_nothing(line: bytes) -> None:
    assert read_stdout_line("codex", line) == StreamNews()


def test_the_banner_names_the_session_where_no_json_was_asked_for() -> None:
    line = b"session id: " + THREAD.encode()
    assert read_stderr_line("codex", line).thread == THREAD
    assert read_stderr_line("codex", b"my session id: " + THREAD.encode()) == StreamNews()
    assert read_stderr_line("generic", line) == StreamNews()


def test_json_is_read_only_where_it_was_asked_for() -> None:
    assert speaks_json(("codex", "exec", "--json"), "codex")
    assert not speaks_json(("codex", "exec"), "codex")
    assert speaks_json(("claude", "-p", "--output-format", "stream-json"), "claude")


def test_codexs_farewell_on_its_screen_names_the_thread() -> None:
    thread = "01a1f9f1-8a3d-7ea3-8246-b267f4c438f2"
    line = f"  \x1b[36mcodex resume {thread}\x1b[39m".encode()
    assert read_terminal_line("codex", line).thread == thread
    assert read_terminal_line("generic", line).thread is None
    assert read_terminal_line("codex", b"codex resume --last").thread is None
