"""The words of ``--containment``."""

from __future__ import annotations

from enum import StrEnum


class ContainmentChoice(StrEnum):
    """What is to hold a run's processes; ``auto`` is the strongest of the others."""

    AUTO = "auto"
    CGROUP = "cgroup"
    SUBREAPER = "subreaper"
    PROCESS_GROUP = "process-group"
