"""The scripted model as any HTTP client sees it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
from support.agents.codex import CHECKOUT
from support.model.server import (
    Gate,
    Json,
    ModelServer,
    Script,
    by_prompt,
    drop_connection,
    fail,
    hold,
    rate_limited,
    run_command,
    say,
    slow,
)


def ask(server: ModelServer, prompt: str = "hello", **body: object) -> http.client.HTTPResponse:
    """Send one request as codex shapes it."""
    content = [{"type": "input_text", "text": prompt}]
    message = {"type": "message", "role": "user", "content": content}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/v1/responses", json.dumps({"input": [message], **body}))
    return connection.getresponse()


def events(response: http.client.HTTPResponse) -> list[Json]:
    """Read a whole event stream."""
    with response:
        lines = response.read().decode().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


def read_to_the_end(response: http.client.HTTPResponse) -> bytes:
    """Read what comes until the connection ends, properly or not."""
    received = b""
    with response, contextlib.suppress(ConnectionError):
        while line := response.readline():
            received += line
    return received


def item(stream: list[Json]) -> Json:
    """Return the finished item of a stream."""
    done = [event for event in stream if event["type"] == "response.output_item.done"]
    return cast("Json", done[0]["item"])


def offering(name: str) -> list[Json]:
    """Return a tool list with one tool of that name."""
    return [{"type": "function", "name": name}]


def test_an_answer_is_opened_streamed_in_pieces_and_closed() -> None:
    text = "many words " * 5000
    with ModelServer([say(text)]) as server:
        stream = events(ask(server))
    assert [stream[0]["type"], stream[-1]["type"]] == ["response.created", "response.completed"]
    assert "".join(event.get("delta", "") for event in stream) == text
    assert item(stream)["content"][0]["text"] == text


@pytest.mark.parametrize("tool", ["exec_command", "shell_command", "shell"])
def test_a_command_is_called_through_the_tool_on_offer(tool: str) -> None:
    with ModelServer([run_command(["echo", "a b"])]) as server:
        call = item(events(ask(server, tools=offering(tool))))
    arguments = json.loads(call["arguments"])
    assert call["name"] == tool
    expected = ["echo", "a b"] if tool == "shell" else "echo 'a b'"
    assert arguments.get("cmd", arguments.get("command")) == expected


def test_a_codex_without_a_command_tool_is_a_surprise_that_fails_the_test() -> None:
    script = [run_command("true")]
    with pytest.raises(AssertionError, match="only: view_image"), ModelServer(script) as server:
        assert ask(server, tools=offering("view_image")).status == 400


def test_one_request_too_many_is_refused_and_fails_the_test() -> None:
    with pytest.raises(AssertionError, match="one more was asked"), ModelServer([]) as server:
        assert ask(server).status == 400


def test_what_was_sent_is_recorded_with_headers_and_body() -> None:
    with ModelServer([say("a"), say("b")]) as server:
        events(ask(server, prompt="first {braces}", prompt_cache_key="thread-1"))
        events(ask(server, prompt="second", model="stub"))
        first, second = server.wait_for_requests(2)
    assert (first.prompt, first.thread) == ("first {braces}", "thread-1")
    assert (second.body["model"], second.headers["host"]) == ("stub", f"127.0.0.1:{server.port}")


def test_waiting_for_requests_that_never_come_ends_with_an_error() -> None:
    with ModelServer([]) as server, pytest.raises(TimeoutError, match="0 of 1"):
        server.wait_for_requests(1, timeout=0.01)


def test_a_held_turn_goes_on_once_its_gate_opens() -> None:
    gate = Gate()
    with ModelServer([hold(gate, say("at last"))]) as server:
        response = ask(server)
        assert b"response.created" in response.readline()
        gate.wait_reached()
        gate.open()
        assert item(events(response))["content"][0]["text"] == "at last"


def test_a_held_turn_ends_with_its_server() -> None:
    with ModelServer([hold(Gate(), say("never"))]) as server:
        response = ask(server)
        server.close()
        assert b"response.completed" not in read_to_the_end(response)


def test_a_held_turn_ends_with_its_client() -> None:
    gate = Gate()
    with ModelServer([hold(gate, say("never"), limit=60)]) as server:
        response = ask(server)
        gate.wait_reached()
        response.close()
    assert server.surprises == []


def test_a_slow_turn_takes_its_time_and_goes_on() -> None:
    with ModelServer([slow(0.05, say("done"))]) as server:
        assert item(events(ask(server)))["content"][0]["text"] == "done"


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        ([fail(500)], 500, "scripted"),
        ([fail(400, code="bad")], 400, "bad"),
        ([rate_limited(7)], 429, "rate_limit_exceeded"),
    ],
)
def test_a_failure_has_its_status_and_an_api_error(script: Script, status: int, code: str) -> None:
    with ModelServer(script) as server:
        response = ask(server)
        body = json.loads(response.read())
    assert (response.status, body["error"]["code"]) == (status, code)
    assert response.headers.get("retry-after") == ("7" if status == 429 else None)


def test_a_dropped_connection_ends_without_the_closing_event() -> None:
    with ModelServer([drop_connection(after_events=3)]) as server:
        stream = read_to_the_end(ask(server))
    assert b"response.created" in stream
    assert b"response.completed" not in stream


def test_a_connection_can_be_dropped_before_any_byte() -> None:
    with (
        ModelServer([drop_connection(after_events=0)]) as server,
        pytest.raises((ConnectionError, http.client.BadStatusLine)),
    ):
        ask(server)


def test_each_conversation_follows_its_own_sequence() -> None:
    script = by_prompt({"alpha": [say("a1"), say("a2")], "beta": [say("b1")]})
    with ModelServer(script) as server:
        asked = ["an alpha task", "the beta task", "an alpha task"]
        answers = [item(events(ask(server, prompt)))["content"][0]["text"] for prompt in asked]
    assert answers == ["a1", "b1", "a2"]


def test_the_lifetime_ends_the_server() -> None:
    with ModelServer([], lifetime=0.05) as server:
        assert server.wait_closed(timeout=10)


def test_the_list_of_models_is_empty() -> None:
    with ModelServer([]) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/v1/models?client_version=1")
        assert json.loads(connection.getresponse().read())["data"] == []


def start_command(port_file: Path, *more: str) -> subprocess.Popen[bytes]:
    program = CHECKOUT / "tests" / "support" / "model" / "server.py"
    argv = [sys.executable, str(program), "--script", "demo", "--port-file", str(port_file)]
    return subprocess.Popen([*argv, *more], stdin=subprocess.DEVNULL)


def test_as_a_command_it_ends_after_its_lifetime(scratch: Path) -> None:
    with start_command(scratch / "port", "--lifetime", "0.2") as process:
        assert process.wait(timeout=20) == 0
    assert int((scratch / "port").read_text()) > 0


def test_as_a_command_it_ends_with_its_parent(scratch: Path) -> None:
    parent = (
        "import subprocess, sys, time, pathlib\n"
        "port, *argv = sys.argv[1:]\n"
        "child = subprocess.Popen(argv)\n"
        "while not pathlib.Path(port).exists(): time.sleep(0.01)\n"
        "print(child.pid)\n"
    )
    program = CHECKOUT / "tests" / "support" / "model" / "server.py"
    port = str(scratch / "port")
    server = [sys.executable, str(program), "--script", "demo", "--port-file", port]
    done = subprocess.run(
        [sys.executable, "-c", parent, port, *server],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    try:
        fd = os.pidfd_open(int(done.stdout))
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([fd], [], [], 10)
        if not ended:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        assert ended
    finally:
        os.close(fd)
