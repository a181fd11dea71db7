"""What this process may use (setrlimit(2)), kept as it was when the process began.

Every process of the same user can lower the limits of this one by prlimit(2), and so can an
agent. The kernel asks for no right to trace it. A soft limit can be raised again, a hard limit
only by who has CAP_SYS_RESOURCE, as root has. The limits of a program that embeds us are its
own.
"""

from __future__ import annotations

import contextlib
import resource

_NAMES = ("AS", "CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "SIGPENDING", "STACK")
_KINDS = tuple(
    kind for name in _NAMES if (kind := getattr(resource, f"RLIMIT_{name}", None)) is not None
)
_Pair = tuple[int, int]
_kept: dict[int, _Pair] = {}


def keep_own_limits() -> None:
    """Note the limits of this process; its forks know them too."""
    _kept.update({kind: resource.getrlimit(kind) for kind in _KINDS})


def take_back_own_limits() -> None:
    """Raise what somebody has lowered since, as far as the kernel lets us; never raises.

    Does nothing where the limits were not noted.
    """
    for kind, before in _kept.items():
        if (now := resource.getrlimit(kind)) != before:
            # Whatever cannot be raised stays; what follows finds its own way to do without.
            _raise(kind, before, now)


def _raise(kind: int, before: _Pair, now: _Pair) -> None:
    soft, hard = _higher(before[0], now[0]), _higher(before[1], now[1])
    # A hard limit of descriptors may be above what is given out today (fs.nr_open).
    for wanted in ((soft, hard), (soft, soft), (_lower(soft, now[1]), now[1])):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, wanted)
            return


def _higher(one: int, other: int) -> int:
    return resource.RLIM_INFINITY if resource.RLIM_INFINITY in (one, other) else max(one, other)


def _lower(one: int, other: int) -> int:
    finite = [value for value in (one, other) if value != resource.RLIM_INFINITY]
    return min(finite, default=resource.RLIM_INFINITY)
