"""The names of the processes that outlived an agent: an ended server must have a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...kernel.process.identity import ProcessIdentity

_MOST_NAMES = 20
_COMM = 64


def count_names(processes: Iterable[ProcessIdentity]) -> dict[str, int]:
    """Return how many of the processes have which command name (proc(5), ``comm``).

    A process names itself, so a name proves nothing. The twenty most frequent are returned.
    """
    names = Counter(filter(None, (_name(each.pid) for each in processes)))
    return dict(names.most_common(_MOST_NAMES))


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return file.read(_COMM).decode(errors="replace").rstrip("\n")
    except OSError:
        return ""  # it has ended since
