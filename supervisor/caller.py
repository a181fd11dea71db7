"""The caller of a run: a command at a terminal, or a program that embeds us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..kernel.process.identity import ProcessIdentity
from ..kernel.values import frozen
from .callbacks import Hear, Outputs, Tell
from .guardian_client.link import GuardianLink

if TYPE_CHECKING:
    from .lifecycle.exit import Reason
    from .terminal.user_terminal import UserTerminal


@frozen
class Caller:
    """The surroundings of one run.

    :param link: to the run's guardian.
    :param guardian: the guardian's process.
    :param tell: takes one line for a person.
    :param outputs: descriptors the agent's stdout and stderr are passed on to, or None
        for logs only.
    :param terminal: the terminal that an agent may be lent, or None.
    :param verbose: say where the agent works.
    :param hear: takes each event in this process.
    """

    link: GuardianLink
    guardian: ProcessIdentity
    tell: Tell
    outputs: Outputs
    terminal: UserTerminal | None = None
    verbose: bool = False
    hear: Hear | None = None


@frozen
class RunOutcome:
    """How a launch ended.

    :param status: as the exit status of ``codexlab-run``.
    :param reason: the truth where statuses collide.
    :param run_id: the run, or None when it was refused before it had a name.
    :param record: what ``record.json`` says, or None when there is none.
    :param error: one line, when the agent could not be started.
    """

    status: int
    reason: Reason
    run_id: str | None = None
    record: dict[str, Any] | None = None
    error: str | None = None
