"""The supervisor's process: read the request beside importing the engine, then launch.

Reading the settings and importing the event loop each take about 0.1 s, and neither needs the
other. So a short-lived child reads the settings meanwhile.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from ...guardian.channel import Channel
from ...guardian.protocol import Finish
from ...kernel.errors import CodexlabError

if TYPE_CHECKING:
    from ...supervisor.request import LaunchRequest


def supervise(channel: Channel, given: frozenset[int]) -> None:
    """Be the supervisor of one run; tell the guardian its exit status.

    :param given: the descriptors that the caller had open.
    """
    gc.disable()
    _load_for_both()
    reader, fd = _start_reading(given)
    status = _launch(fd, channel, reader)
    if status is not None:
        channel.send(Finish(status))


def _load_for_both() -> None:
    """Load what the reader of the settings and the event loop both need, once for both."""
    import datetime as dt
    import locale
    import platform
    import tempfile
    import threading

    from ...agents import registry
    from ...kernel import toml
    from ...supervisor import request

    _ = (dt, locale, platform, tempfile, threading, registry, toml, request)


def _start_reading(given: frozenset[int]) -> tuple[int, int]:
    """Fork the child that reads argv and settings; return its pid and the pipe of its answer."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    os.close(read)
    status = 125
    try:
        status = _read_and_answer(write, given)
    except CodexlabError as error:
        say(str(error))
        status = error.exit_status
    except BrokenPipeError:
        status = 141
    except OSError as error:
        from ..ui.standard_streams import failed_call

        say(failed_call(error))
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(status)


def _read_and_answer(answer: int, given: frozenset[int]) -> int:
    from ..ui.standard_streams import ensure_standard_streams

    ensure_standard_streams()
    status = _read(answer, given)
    sys.stdout.flush()
    return status


def _read(answer: int, given: frozenset[int]) -> int:
    environ = dict(os.environ)
    # A search for plugins would read the metadata of every installed distribution.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    from .flags import read_invocation

    invocation = read_invocation(sys.argv[1:], environ)
    if isinstance(invocation, int):
        return invocation
    _check_events(invocation.request, given)
    if invocation.dry_run:
        from .dry_run import print_plan

        print_plan(invocation)
        return 0
    with os.fdopen(answer, "wb") as file:
        pickle.dump(invocation.request, file)
    return 0


def _check_events(request: LaunchRequest, given: frozenset[int]) -> None:
    """Refuse a descriptor that is not the caller's: the number may be one of our own.

    :raises SettingError: it was not open when we were started.
    """
    target = request.events
    if target is not None and target.isdecimal() and int(target) not in given:
        from ...supervisor.errors import blame_origins
        from ...supervisor.settings.errors import SettingError

        expected = "expected the number of an open descriptor or a writable path"
        error = SettingError("--events", f"{target} is not open; {expected}")
        raise blame_origins(error, request.origins)


def _launch(fd: int, channel: Channel, reader: int) -> int | None:
    """Launch the request that was read.

    :returns: an exit status if there is nothing to launch; None if the launch itself has told the
        guardian.
    """
    # Loaded while the child reads the settings.
    _load_event_loop()
    import anyio

    # Otherwise ``anyio.run`` loads it, when modules are frozen and the reader no longer works.
    import_module("anyio._backends._trio")
    from ...supervisor.errors import Cancelled
    from ...supervisor.run.launch import launch
    from .answer import await_answer

    try:
        data = await_answer(fd, channel, reader)
    except Cancelled as error:
        say(str(error))
        return error.exit_status
    finally:
        os.close(fd)
    _, wait_status = os.waitpid(reader, 0)
    if not data:
        return os.waitstatus_to_exitcode(wait_status) & 0xFF
    # Loaded modules stay: freeze them, so that no collection visits and copies their pages.
    gc.freeze()
    gc.enable()
    anyio.run(launch, pickle.loads(data), channel, say, backend="trio")
    return None


def _load_event_loop() -> None:
    """Import trio without the `ldconfig` that it starts to find the function that names threads.

    With glibc 2.34 or newer that function is in the C library. With an older glibc or musl the
    threads have no names.
    """
    import ctypes.util

    search = ctypes.util.find_library
    ctypes.util.find_library = lambda name: "libc.so.6" if name == "pthread" else search(name)
    try:
        import_module("trio")
    finally:
        ctypes.util.find_library = search


def say(line: str) -> None:
    """Print one line for a person on stderr; a closed stderr ends no run."""
    with contextlib.suppress(OSError):
        if not line.isprintable():
            from ..ui.terminal import on_one_line

            line = on_one_line(line)
        sys.stderr.write(f"codexlab-run: {line}\n")
        sys.stderr.flush()
