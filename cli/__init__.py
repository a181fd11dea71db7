"""The commands: they read argv, return an exit status, and are the only code that prints.

There are two commands. ``codexlab-run`` launches one agent. ``codexlab`` looks after workspaces,
environment, artifacts and rollouts that launches leave.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..kernel.errors import CodexlabError

__all__ = ["command", "launch"]


def _end_at_interrupt() -> None:
    """End silently with 130 at Ctrl-C, while there is only this process to end.

    An interrupt before Python calls us is outside our control. An ignored signal stays ignored.
    """
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:
        _leave()


def _tidy_at_end() -> None:
    """Let signals raise an exception from here on: there may be something to clean up."""
    import signal

    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # By default these signals end the process at once, and its children would live on.
    for signum in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signum) is signal.SIG_DFL:
            signal.signal(signum, _leave_in_order)


def _leave(*_: object) -> None:
    import os

    os._exit(130)


def launch() -> None:
    """Run ``codexlab-run``: become the guardian before anything heavy is imported."""
    # The guardian takes over this signal later.
    _end_at_interrupt()
    _complete()
    import gc
    import os
    from functools import partial

    # Imports leave no garbage; the search for it takes a tenth of a launch.
    gc.disable()
    from ..guardian.entry import run_with_guardian
    from ..kernel.errors import CodexlabError
    from ..kernel.exhausted import NoMore, is_no_more
    from ..kernel.process.descriptors import descriptors_given
    from ..kernel.process.hide_cmdline import hide_environment, hide_memory, mask_argv_values
    from .launch.supervise import supervise

    # What was loaded stays, and is looked at no more; nor is it copied for that in a fork.
    gc.freeze()
    gc.enable()
    given = descriptors_given()
    try:
        _enter_first()
    except CodexlabError as error:
        os._exit(_refuse("codexlab-run", error))
    hide_environment()
    mask_argv_values("--set")
    # Last, because it closes our memory to ourselves.
    hide_memory()
    try:
        status = run_with_guardian(partial(supervise, given=given))
    except CodexlabError as error:
        status = _refuse("codexlab-run", error)
    except OSError as error:
        if error.errno is None or not is_no_more(error):
            raise
        status = _refuse("codexlab-run", NoMore("nothing can be started", error.errno))
    # Skip the interpreter's shutdown: it costs 10 ms.
    os._exit(status)


def _refuse(program: str, error: CodexlabError) -> int:
    """Write one line that says why nothing can be done, before the streams exist."""
    import contextlib
    import os

    with contextlib.suppress(OSError):
        os.write(2, f"{program}: {error}\n".encode())
    return error.exit_status


def _complete() -> None:
    """Answer a shell that completes a line of ``codexlab-run``; nothing is launched."""
    import os

    if (question := os.environ.get("_CODEXLAB_RUN_COMPLETE")) is not None:
        from .launch.flags import options
        from .ui.completion import answer

        os._exit(_flushed(answer(options, "codexlab-run", question)))


def _flushed(status: int) -> int:
    import sys

    try:
        sys.stdout.flush()
    except OSError:
        return 1
    return status


def _enter_first() -> None:
    """Enter the directory of ``-C`` at the front of our arguments, and take it out of them."""
    import sys

    if sys.argv[1:2] and sys.argv[1].startswith("-C"):
        from .context.directory import enter, split_directory

        places, sys.argv[1:] = split_directory(sys.argv[1:])
        for place in places:
            enter(place)


def _take_run() -> bool:
    """Tell whether ``codexlab run`` was called; then leave to argv what ``codexlab-run`` takes."""
    import sys

    if "run" not in sys.argv:
        return False
    from .context.directory import split_directory

    _, rest = split_directory(sys.argv[1:])
    if rest[:1] != ["run"]:
        return False
    del sys.argv[len(sys.argv) - len(rest)]
    return True


def command() -> None:
    """Run ``codexlab``."""
    _end_at_interrupt()
    if _take_run():
        launch()
    import gc
    import os

    # A command makes little garbage before it ends.
    gc.set_threshold(50_000)
    try:
        from .main import main

        _tidy_at_end()
        main()
    except KeyboardInterrupt:
        # It may come while the last output is written.
        _leave()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        # Skip the shutdown as above: the output is written, threads and children are joined.
        os._exit(end.code)


def _leave_in_order(signum: int, _: object) -> None:
    import signal

    # A second signal must not cut short the clean-up; its time is bounded.
    signal.signal(signum, signal.SIG_IGN)
    raise SystemExit(128 + signum)
