"""A loopback HTTP server on one thread that plays a scripted model to codex and claude.

Bounded everywhere: it ends with its context manager, after its lifetime, and a
turn that is held ends when its client goes away or the server closes. Answers
are delimited by the end of the connection, so a cut stream looks to an agent as a
broken network does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

from .claude_messages import Messages, MessagesRequest
from .codex_responses import Json, ModelRequest, Responses, encode_event
from .turns import Choose, Gate, Script, in_order

_ANSWERED = (("POST", "/v1/responses"), ("POST", "/v1/messages"))
_MAX_HEAD = 1 << 20
_MAX_BODY = 512 << 20


class _ClientGoneError(ConnectionError):
    """The agent closed the connection while its turn was still being played."""


class ModelServer:
    """A scripted model on a free loopback port.

    A request the script has no turn for is answered with status 400 and noted;
    leaving the context then raises, so that no test passes by accident.

    :param script: turns in order, or a callable that chooses one per request.
    :param lifetime: seconds after which the server closes by itself.
    """

    def __init__(self, script: Script, *, lifetime: float = 300.0) -> None:
        self._choose: Choose = script if callable(script) else in_order(script)
        self._lifetime = lifetime
        self._changed = threading.Condition()
        self._requests: list[ModelRequest] = []
        self._surprises: list[str] = []
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="model-server", daemon=True)

    @property
    def url(self) -> str:
        """Base URL for a codex provider, ending in ``/v1``."""
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """Base URL for claude, which adds ``/v1`` itself."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def port(self) -> int:
        """The loopback port the server listens on."""
        return self._port

    @property
    def requests(self) -> list[ModelRequest]:
        """The requests for an answer received so far, oldest first."""
        with self._changed:
            return list(self._requests)

    @property
    def surprises(self) -> list[str]:
        """What happened that the script did not foresee."""
        with self._changed:
            return list(self._surprises)

    def wait_for_requests(self, count: int, timeout: float = 30.0) -> list[ModelRequest]:
        """Wait until at least ``count`` requests have come and return all of them.

        :raises TimeoutError: fewer came within ``timeout`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, timeout):
                message = f"{len(self._requests)} of {count} requests within {timeout} s"
                raise TimeoutError(message)
            return list(self._requests)

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Wait for the end of the server's lifetime; True when it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def stop(self) -> None:
        """Ask the server to end; does not wait, so that a signal handler may call it."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # its loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)

    def close(self) -> None:
        """End the server and every turn it is playing. May be called twice."""
        self.stop()
        self._thread.join()

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._on_ready = ready.set
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if kind is None and self._surprises:
            message = "; ".join(self._surprises)
            raise AssertionError(message)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._on_ready()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=_MAX_HEAD)
        self._port = cast("int", server.sockets[0].getsockname()[1])
        self._on_ready()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), self._lifetime)
        server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left; killing codex mid-turn is what tests do
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:  # a fault of the script must fail its test, not hang it
            self._note(f"{type(error).__name__}: {error}")
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, request = await _read_request(reader)
        if method == "GET" and request.path.split("?")[0].endswith("/models"):
            await _send(writer, 200, {"object": "list", "data": [], "models": []}, {})
            return
        if (method, request.path.split("?")[0]) not in _ANSWERED:
            self._note(f"unexpected request: {method} {request.path}")
            await _send(writer, 404, {"error": {"message": "no such resource"}}, {})
            return
        exchange = _Exchange(self._record(request), request, reader, writer)
        try:
            await self._choose(request)(exchange)
        except (LookupError, ValueError) as error:  # the script has no fitting answer
            self._note(str(error))
            if not exchange.begun:
                await exchange.refuse(400, str(error), "scripted", {})

    def _record(self, request: ModelRequest) -> int:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            return len(self._requests)

    def _note(self, surprise: str) -> None:
        with self._changed:
            self._surprises.append(surprise)


class _Exchange:
    """One request and the connection its answer goes to."""

    def __init__(
        self,
        number: int,
        request: ModelRequest,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.number = number
        self.request = request
        self._reader = reader
        self._writer = writer
        self._dialect = Messages if isinstance(request, MessagesRequest) else Responses
        self.begun = False

    async def begin(self) -> None:
        if self.begun:
            return
        self.begun = True
        self._writer.write(_head(200, {"content-type": "text/event-stream"}))
        for event in self._dialect.opening(self.number):
            await self._send(event)

    async def _send(self, event: Json) -> None:
        self._writer.write(encode_event(event))
        await self._writer.drain()

    async def say(self, text: str) -> None:
        for event in self._dialect.said(text, self.number):
            await self._send(event)

    async def say_part(self, text: str) -> None:
        await self._send(self._dialect.part(text, self.number))

    async def call(self, command: str | Sequence[str], wait_ms: int) -> None:
        events = list(self._dialect.called(command, self.request, self.number, wait_ms))
        await self.begin()
        for event in events:
            await self._send(event)

    async def refuse(self, status: int, text: str, code: str, headers: Mapping[str, str]) -> None:
        if self.begun:
            message = "a turn that has begun its stream cannot answer with an HTTP error"
            raise ValueError(message)
        await _send(self._writer, status, self._dialect.error(text, code), headers)

    async def wait(self, gate: Gate | None, limit: float) -> None:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        if gate is not None:
            gate.on_open(lambda: _resolve(loop, opened))
        # The client sends nothing more on this connection: a byte or an end of
        # file both mean that it is gone.
        gone = asyncio.ensure_future(self._reader.read(1))
        either: set[asyncio.Future[Any]] = {opened, gone}
        done, _ = await asyncio.wait(either, timeout=limit, return_when="FIRST_COMPLETED")
        if gone in done:
            raise _ClientGoneError
        gone.cancel()

    def drop(self) -> None:
        self._writer.transport.abort()


def _resolve(loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
    def settle() -> None:
        if not future.done():
            future.set_result(None)

    with contextlib.suppress(RuntimeError):  # the server closed before the gate opened
        loop.call_soon_threadsafe(settle)


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, ModelRequest]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, path, _ = head.split("\r\n", 1)[0].split(" ", 2)
    fields = [line.partition(":") for line in head.split("\r\n")[1:] if line]
    headers = {name.lower(): value.strip() for name, _, value in fields}
    length = int(headers.get("content-length", "0"))
    if length > _MAX_BODY:
        message = f"a request of {length} bytes"
        raise ValueError(message)
    raw = await reader.readexactly(length)
    shape = MessagesRequest if path.startswith("/v1/messages") else ModelRequest
    return method, shape(path, headers, json.loads(raw) if raw else {})


async def _send(
    writer: asyncio.StreamWriter, status: int, body: Json, headers: Mapping[str, str]
) -> None:
    payload = json.dumps(body).encode()
    head = {"content-type": "application/json", "content-length": str(len(payload)), **headers}
    writer.write(_head(status, head) + payload)
    await writer.drain()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} scripted", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")
