"""Who behaves how, in which containment, and how many may survive: the data of the suite."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("programs")

ENDINGS = ("itself", "term", "timeout", "supervisor", "guardian", "both")
"""How a run ends: by itself, TERM to the guardian, ``--timeout``; or KILL of the
supervisor, of the guardian, of both and then a launch of the same issue."""

APIS = ("cli", "embedded")
"""Who runs it: ``codexlab-run``, or a program that embeds us and is then the supervisor."""

PLACES = ("cgroup", "subreaper", "delegated", "nobody")
"""Where it runs: as root in a cgroup leaf or without one; as an unprivileged user
with a cgroup delegated to it, or without any it may write to."""

_IN_A_CGROUP = frozenset({"cgroup", "delegated"})
_NEEDS_A_CGROUP = frozenset(
    {
        "leaves_cgroup",
        "leaves_without_trace",
        "locks_cgroup",
        "nests_cgroups",
        "threads_cgroup",
    }
)
# Without a tag, or never there when it is read.
_WITHOUT_TAG = frozenset({"daemonises", "forks_fast", "leaves_without_trace", "renames_itself"})
# One chain: a link that is about to exit and those it has led to are alive together.
_LINKS_AT_ONCE = 4
_WITHOUT_GUARDIAN = frozenset({"guardian", "both"})


@dataclass(frozen=True, slots=True)
class Case:
    """One adversary in one place, ended in one way."""

    adversary: str
    place: str
    ending: str
    api: str = "cli"

    @property
    def limit(self) -> int:
        """How many processes may survive it: the documented limit of what is left to go by.

        While the guardian lives nobody can leave: it adopts every orphan. Without
        it there is the cgroup, and without that only the tag in the environment;
        who has neither is found by nobody.
        """
        if self.ending not in _WITHOUT_GUARDIAN or self.adversary not in _WITHOUT_TAG:
            return 0
        if self.place in _IN_A_CGROUP and self.adversary != "leaves_without_trace":
            return 0
        return _LINKS_AT_ONCE if self.adversary == "forks_fast" else 1


def adversaries() -> list[str]:
    """Return the names of all adversaries."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def all_cases() -> Iterator[Case]:
    """Yield every case that makes sense."""
    for api, adversary, place in itertools.product(APIS, adversaries(), PLACES):
        if place in _IN_A_CGROUP or adversary not in _NEEDS_A_CGROUP:
            yield from (Case(adversary, place, ending, api) for ending in ENDINGS)


def sample() -> Iterator[Case]:
    """Yield the cases that between them take every way of ending in every place.

    Where two cases would take the same way through the product, one is enough:
    the whole matrix takes minutes.
    """
    return (case for case in all_cases() if case.ending in _chosen(case))


def _chosen(case: Case) -> frozenset[str]:
    if case.api == "embedded":
        return _EMBEDDED.get((case.adversary, case.place), frozenset())
    return _endings(case.adversary, case.place)


# Only what differs: the host is the supervisor, and its guardian the child of a fork server.
_EMBEDDED = {
    ("daemonises", "cgroup"): frozenset({"supervisor"}),
    ("forks_fast", "cgroup"): frozenset({"term"}),
    ("leaves_without_trace", "cgroup"): frozenset({"supervisor", "guardian"}),
    ("threads_cgroup", "delegated"): frozenset({"both"}),
    ("forks_fast", "subreaper"): frozenset({"supervisor"}),
    ("holds_stdout", "subreaper"): frozenset({"itself"}),
    ("respawns", "subreaper"): frozenset({"timeout"}),
    ("daemonises", "nobody"): frozenset({"supervisor"}),
}


_CUNNING = frozenset(
    {"daemonises", "forks_fast", "leaves_without_trace", "locks_cgroup", "threads_cgroup"}
)
_STUBBORN = frozenset({"daemonises", "forks_fast", "ignores_term", "stops_itself"})


def _alone(adversary: str) -> frozenset[str]:
    """Return what else is of interest where nobody ends the run."""
    stays = {"holds_stdout", "loses_its_first_thread", "outlives_its_leader", "respawns"}
    return frozenset({"itself"} if adversary in stays else ())


def _endings(adversary: str, place: str) -> frozenset[str]:
    match place:
        case "cgroup":
            more = {"supervisor", "both"} if adversary in _CUNNING else set[str]()
            return frozenset({"term", "guardian"} | more)
        case "subreaper":
            more = {"guardian", "both", "timeout"} if adversary in _CUNNING else set[str]()
            return frozenset({"supervisor"} | more | _alone(adversary))
        case "delegated":
            return frozenset({"both"} if adversary in _CUNNING else ())
        case _:
            return frozenset({"supervisor", "both"} if adversary in _STUBBORN else ())
