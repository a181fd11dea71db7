"""What the guardian needs to finish a run whose supervisor died, and how it does so."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from ...kernel.containment.membership import RunProcesses, discard_leaf, end
from ...kernel.files.flock import unlock
from ...kernel.process.identity import ProcessIdentity
from ..protocol import RunHandover

LOST_GRACE = 3.0
LOST_PATIENCE = 10.0


def finish_lost_run(
    handover: RunHandover, processes: RunProcesses, locks: tuple[int, ...] = ()
) -> tuple[ProcessIdentity, ...]:
    """End the run of a dead supervisor, write down what happened, release the claim.

    Each step is tried even if the one before failed: a full disk must not leave
    a process, nor an unwritable record a claim.

    :param locks: descriptors of the claim. Unlock only after the kernel showed the run empty. A
        lock that is merely closed at our exit proves nothing: the next claimer reads the record and
        finds no proof.
    :returns: the processes left, read from the kernel.
    """
    swept, left = end(processes, grace=LOST_GRACE, patience=LOST_PATIENCE)
    removed = not left and discard_leaf(processes)
    contained = {
        "mechanism": processes.mechanism,
        "proven": not left and processes.can_prove,
        "swept": swept,
        "left": len(left),
        "leaf_removed": removed,
    }
    _write_down(handover, contained)
    if not left:
        _release(handover, locks)
    return left


def _write_down(handover: RunHandover, contained: dict[str, Any]) -> None:
    """Finish the record and the events, in whatever state the agent left them."""
    from ...kernel.files.below import directory_below
    from .unfinished import LOST, finish_events, finish_record

    # What can go wrong with files that somebody else wrote is not for us to list; whatever
    # it is, the claim is released.
    with (
        contextlib.suppress(Exception),
        directory_below(os.path.dirname(handover.record), handover.base) as directory,
    ):
        record = LOST
        with contextlib.suppress(Exception):
            record = finish_record(directory, contained)
        finish_events(directory, contained, record)


def _release(handover: RunHandover, locks: tuple[int, ...]) -> None:
    from ...kernel.files.temporary import discard_temporary

    with contextlib.suppress(Exception):
        discard_temporary(handover.temporary)
    for path, base in ((handover.witness, ""), (handover.owner, handover.base)):
        with contextlib.suppress(Exception):
            _vouch(path, base, handover.run_id)
    for fd in locks:
        unlock(fd)


def _vouch(path: str, base: str, run_id: str) -> None:
    """Write into an owner's record that nothing of the run is left."""
    from ...kernel.files.below import directory_below
    from .unfinished import read_object, write_object

    place, name = os.path.split(path)
    with directory_below(place, base) as directory:
        owner = read_object(name, directory)
        # Another run's is not ours to vouch for, however it got there.
        if owner.get("run_id", run_id) == run_id:
            write_object(name, directory, {**owner, "contained": True})
