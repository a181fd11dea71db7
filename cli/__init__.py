"""argv in, exit status out; the only place that prints.

Two commands: ``codexlab-run`` launches one agent, ``codexlab`` looks after what
launches leave (workspaces, environment, artifacts, rollouts).
"""

from __future__ import annotations

__all__ = ["command", "launch"]


def _end_at_interrupt() -> None:
    """End at Ctrl-C without a word, with 130, as long as we have only ourselves to end.

    What Python does before it calls us is not in our hands. Ignored, it stays ignored.
    """
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _leave)
    except KeyboardInterrupt:
        _leave()


def _leave(*_: object) -> None:
    import os

    os._exit(130)


def launch() -> None:
    """Be ``codexlab-run``: become the guardian before anything heavy is imported."""
    # Until the guardian takes it over.
    _end_at_interrupt()
    import gc
    import os
    from functools import partial

    # Nothing that is loaded becomes garbage; looking for some takes a tenth of a launch.
    gc.disable()
    from ..kernel import descriptors_given, hide_environment, hide_values_of, run_guarded
    from ._supervise import supervise

    gc.enable()
    given = descriptors_given()
    hide_environment()
    hide_values_of("--set")
    status = run_guarded(partial(supervise, given=given))
    # All that is left would be to take the interpreter apart: another 10 ms.
    os._exit(status)


def command() -> None:
    """Be ``codexlab``."""
    _end_at_interrupt()
    import gc
    import os
    import signal

    # Little of what a command loads and lists becomes garbage before it ends.
    gc.set_threshold(50_000)
    from ._main import main

    try:
        if signal.getsignal(signal.SIGINT) is _leave:
            # From here on there may be something to put in order first.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        main()
    except KeyboardInterrupt:
        # Also while the last output is written.
        _leave()
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        # As above: what was written is out, threads and children are joined.
        os._exit(end.code)
