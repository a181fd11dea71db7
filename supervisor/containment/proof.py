"""What is known of a run's emptiness once it has ended, to those who look from outside.

The run's record has the numbers, and lies where an agent can write. Our state directory says
whether the run was proven empty, so the record alone is never believed to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ...kernel.values import frozen
from ...workspace.owner import OwnerRecord
from ...workspace.paths import paths_at
from ...workspace.records.witness import read_witness
from ..history.run_entry import RunEntry
from ..records.record_file import read_record


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
    record = read_record(Path(entry.record).parent, place.parents[2])
    witness = read_witness(paths_at(place))
    return decide_proof(entry.run_id, record, None if witness is None else witness.owner)


def decide_proof(run_id: str, record: Mapping[str, Any] | None, owner: OwnerRecord | None) -> Proof:
    """Decide what is believed of a run's emptiness.

    :param record: the run's own; None where it has none, as it never got its workspace.
    :param owner: the last run of the workspace, by our state directory. A later run's proves
        this run empty: nobody begins in a workspace before that is read.
    """
    told = (record or {}).get("contained")
    values: Mapping[str, Any] = cast("Any", told) if isinstance(told, dict) else {}
    mechanism, swept, left = (values.get(name) for name in ("mechanism", "swept", "left"))
    left = left if isinstance(left, int) else None
    denied = owner is not None and owner.run_id == run_id and not owner.contained
    empty = not denied and not left
    return Proof(
        empty=empty,
        proven=empty and (not values or values.get("proven") is True),
        mechanism=mechanism if isinstance(mechanism, str) else None,
        swept=swept if isinstance(swept, int) else None,
        left=left,
    )
