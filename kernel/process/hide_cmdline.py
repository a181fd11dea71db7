"""Hide from others what this process was started with, and what it holds in memory.

Every process of the same user can read ``/proc/PID/environ`` and ``cmdline``, and so can
an agent, whose own environment was scrubbed, of its guardian: ``ps eww`` shows both. It can
read ``/proc/PID/mem``, too, and attach a debugger, unless a process forbids that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from ..libc import set_dumpable

# By this a nested run is found among the processes of the outer one (``containment.by_environ``).
_KEPT_NAME = "CODEXLAB_RUN_ID"
_KEPT = os.fsencode(f"{_KEPT_NAME}=")
# Of proc_pid_stat(5), counted from the third field: arg_start, arg_end, env_start, env_end.
_PLACES = slice(45, 49)

Words = Sequence[bytes]


def hide_environment() -> None:
    """Blank the environment that ``/proc`` shows of us; we and our children keep it.

    To be called while there is one thread. Where ``/proc/self/mem`` cannot be written
    nothing changes. *Not hidden:* what a debugger reads from our heap, and what the program
    that started us shows of itself.
    """
    for name, value in os.environb.items():
        # On the heap from now on, where C code finds it as before.
        os.putenv(name, value)
    with suppress(OSError, ValueError, IndexError):
        _, _, start, end = _places()
        _rewrite(start, end, _blanked)


def hide_memory() -> None:
    """Refuse every process of this user our memory, our environment and our descriptors.

    Forks inherit that, and programs that they execute do not. ``/proc/self/mem``, ``environ``
    and ``oom_score_adj`` are then closed to ourselves as well: what is changed there is changed
    before. What the proof rests on (``stat``, ``children``, ``status``, ``cmdline``, pidfds)
    stays open to all. *Not refused:* who has CAP_SYS_PTRACE, as root has.

    A run within a run changes nothing. Its outer guardian finds it by the tag in its
    environment. What the outer run kept from its agent is not here either. Nor where ``/proc``
    is mounted with ``hidepid``: our halves would no longer see each other there.
    """
    if _KEPT_NAME not in os.environ and not _hides_processes():
        set_dumpable(False)


def _hides_processes() -> bool:
    """Tell whether ``/proc`` shows a process only to readers of its memory (``hidepid``)."""
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as mounts:
        return any(b" - proc " in mount and b"hidepid=" in mount for mount in mounts)
    return False


def mask_argv_values(option: str) -> None:
    """Mask what ``NAME=VALUE`` after an option assigns, in the argv that ``/proc`` shows of us.

    What was there until now may have been seen. Limits as for :func:`hide_environment`.
    """
    with suppress(OSError, ValueError, IndexError):
        start, end, _, _ = _places()
        _rewrite(start, end, lambda words: list(_masked(words, option.encode())))


def _blanked(words: Words) -> Words:
    return [word if word.startswith(_KEPT) else bytes(len(word)) for word in words]


def _masked(words: Words, option: bytes) -> Iterator[bytes]:
    before = b""
    for word in words:
        joined = option + b"="
        skipped = len(joined) if word.startswith(joined) else 0
        assigned = word.find(b"=", skipped) + 1 if before == option or skipped else 0
        yield word[:assigned] + b"*" * (len(word) - assigned) if assigned else word
        before = word


def _places() -> list[int]:
    with open("/proc/self/stat", "rb") as file:
        stat = file.read()
    return [int(field) for field in stat[stat.rindex(b")") + 2 :].split()[_PLACES]]


def _rewrite(start: int, end: int, change: Callable[[Words], Words]) -> None:
    """Replace NUL-terminated strings in our own memory by others of the same lengths."""
    memory = os.open("/proc/self/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        before = os.pread(memory, end - start, start)
        after = b"\0".join(change(before.split(b"\0")))
        if len(after) == len(before):
            os.pwrite(memory, after, start)
    finally:
        os.close(memory)
