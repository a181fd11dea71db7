"""One program inside the run's containment: start it, end it, read what is left of it.

Invariant: from the moment the guardian was asked to start something until the
kernel showed the run empty, the ownership is not ``proven``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from ...guardian.codec import unexpected
from ...guardian.protocol import (
    ChildrenLeft,
    ListChildren,
    Spawn,
    Spawned,
    SpawnFailed,
    SpawnSpec,
    SpawnStep,
)
from ...kernel.containment.membership import end, is_evidently_empty, members
from ...kernel.process.identity import ProcessIdentity
from ...kernel.values import replace
from ..blocking import run_blocking
from ..errors import GuardianLost
from ..guardian_client.link import GuardianLink
from .ownership import RunOwnership
from .survivors import KILL_PATIENCE, TERM_GRACE


async def start(
    ownership: RunOwnership,
    program: SpawnSpec,
    stdio: Sequence[int],
    *,
    on_terminal: bool = False,
) -> Spawned | SpawnFailed:
    """Ask the guardian to start a program, without the leaf where nobody can join that.

    :param program: its leaf is the ownership's.
    :param on_terminal: on the terminal that the first descriptor is.
    :raises PlaceUnusable: a cgroup was demanded and cannot be joined.
    :raises GuardianLost: the guardian died before it answered.
    """
    was_proven = ownership.proven
    request = Spawn(program, on_terminal=on_terminal)
    reply = await _ask(ownership, request, stdio)
    if isinstance(reply, SpawnFailed) and reply.step is SpawnStep.CGROUP and ownership.leaf:
        ownership.do_without_leaf(os.strerror(reply.errno))
        reply = await _ask(ownership, request, stdio)
    if isinstance(reply, SpawnFailed):
        ownership.note_not_started(was_proven=was_proven)
    return reply


async def _ask(
    ownership: RunOwnership, request: Spawn, stdio: Sequence[int]
) -> Spawned | SpawnFailed:
    program = replace(request.program, leaf=ownership.leaf)
    # A request that cannot be sent starts nothing. One that was sent may, even if no reply
    # comes.
    ownership.link.tell(replace(request, program=program, grouped=ownership.grouped), stdio)
    ownership.doubt()
    reply, descriptors = await ownership.link.reply()
    if not isinstance(reply, Spawned | SpawnFailed):
        raise unexpected(reply)
    if isinstance(reply, Spawned):
        ownership.note_started(reply, descriptors)
    return reply


async def end_without_guardian(
    ownership: RunOwnership, leader: ProcessIdentity | None = None
) -> int:
    """End the run of a dead guardian: its cgroup at once, then whoever carries the tag.

    :returns: how many there were beside the leader, which the kernel kills with its guardian.
    """
    processes = ownership.processes(guardian_lost=True)

    def end_all() -> int:
        outlived = [process for process in members(processes) if process != leader]
        end(processes, grace=TERM_GRACE, patience=KILL_PATIENCE)
        return len(outlived)

    return await run_blocking(end_all)


async def end_strays(ownership: RunOwnership) -> None:
    """End what errands of an embedding host left: the guardian never adopts that."""
    if (strays := ownership.strays()) is not None:
        await run_blocking(partial(end, strays, grace=TERM_GRACE, patience=KILL_PATIENCE))


async def end_unread(ownership: RunOwnership) -> None:
    """End what is left of the run, where it was not read since something was started.

    Without the guardian the run is ended by its leaf and tag, and nothing is proven.
    """
    if ownership.proven:
        return
    link = ownership.link
    await end_strays(ownership)
    if not await read_proof(ownership, guardian_lost=link.lost):
        return
    processes = ownership.processes(guardian_lost=link.lost)
    await run_blocking(partial(end, processes, grace=TERM_GRACE, patience=KILL_PATIENCE))
    await read_proof(ownership, guardian_lost=link.lost)


async def read_proof(ownership: RunOwnership, *, guardian_lost: bool) -> int:
    """Return how many processes are left: members, and children of the guardian.

    The ownership is then proven if none is, and that reading proves anything.
    """
    processes = ownership.processes(guardian_lost=guardian_lost)
    left: set[int] = set()
    if not is_evidently_empty(processes):
        left.update(each.pid for each in await run_blocking(members, processes))
    if not guardian_lost:
        left.update(await _ask_for_children(ownership.link))
    ownership.note_reading(len(left), proves=processes.can_prove)
    return len(left)


async def _ask_for_children(link: GuardianLink) -> tuple[int, ...]:
    try:
        reply, _ = await link.ask(ListChildren(), is_over=True)
    except GuardianLost:
        return ()
    if not isinstance(reply, ChildrenLeft):
        raise unexpected(reply)
    return reply.pids
