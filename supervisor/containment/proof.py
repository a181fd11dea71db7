"""What is known of a run's emptiness once it has ended, to those who look from outside.

A run's entry has the numbers. Where the run was killed they are its record's, which lies where an
agent can write. The note of its workspace's last run lies where no agent writes, and can deny them.
"""

from __future__ import annotations

from pathlib import Path

from ...kernel.values import frozen
from ...workspace.owner import OwnerRecord
from ...workspace.paths import paths_at
from ...workspace.records.witness import read_witness
from ..history.run_entry import RunEntry, RunFacts


@frozen
class Proof:
    """What the kernel showed of the processes of one run; None where nobody wrote it down.

    :param empty: that none is left, as far as can be seen. True also of a run that started none.
    :param proven: that none can be hidden either. False where the run lost its guardian.
    :param swept: how many outlived the agent.
    :param left: how many could not be ended.
    """

    empty: bool
    proven: bool
    mechanism: str | None = None
    swept: int | None = None
    left: int | None = None


def proof_of(entry: RunEntry) -> Proof:
    """Return what was read of a run's processes when it ended."""
    place = Path(entry.workspace)
    if len(place.parents) <= 3:
        return Proof(empty=False, proven=False)
    witness = read_witness(paths_at(place))
    return decide_proof(entry.run_id, entry.facts, None if witness is None else witness.owner)


def decide_proof(run_id: str, facts: RunFacts, owner: OwnerRecord | None) -> Proof:
    """Decide what is believed of a run's emptiness.

    :param facts: the run's own; without a mechanism where it started nothing.
    :param owner: the last run of the workspace, by our state directory. A later run's proves
        this run empty: nobody begins in a workspace before that is read.
    """
    denied = owner is not None and owner.run_id == run_id and not owner.contained
    empty = not denied and not facts.left
    told = facts.mechanism is None or facts.proven is True
    return Proof(empty, empty and told, facts.mechanism, facts.swept, facts.left)
