"""argv in, exit status out; the only place that prints.

Two commands: ``codexlab-run`` launches one agent, ``codexlab`` looks after what
launches leave (workspaces, environment, artifacts, rollouts).
"""

from __future__ import annotations

__all__ = ["command", "launch"]


def launch() -> None:
    """Be ``codexlab-run``: become the guardian before anything heavy is imported."""
    import sys

    from ..kernel import run_guarded
    from ._supervise import supervise

    sys.exit(run_guarded(supervise))


def command() -> None:
    """Be ``codexlab``."""
    from ._main import main

    main()
