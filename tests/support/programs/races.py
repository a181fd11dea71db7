"""Write to rollouts, one kind of writer, until a file is there; then say what was written."""

import contextlib
import json
import os
import random
import sys
import time

from codexlab.kernel.errors import BusyError, CodexlabError
from codexlab.rollout.locks.thread import ThreadLocks
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.materialize import materialize
from codexlab.rollout.store.rollout_ref import RolloutRef

kind, number, seed, home, own_home, stop, *paths = sys.argv[1:]
dice = random.Random(int(seed))
locks = ThreadLocks(own_home if kind == "unlinked" else home)
places = StoreHandle(home)
rollouts = [places.rollout(path) for path in paths]
sessions = 0
acknowledged: list[tuple[str, str]] = []


def pause(most: float) -> None:
    time.sleep(dice.random() * most)


def open_plain(rollout: RolloutRef, create: bool) -> int:
    flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT if create else 0)
    return os.open(rollout.path, flags, 0o644)


def write(fd: int, rollout: RolloutRef, session: int, record: int) -> None:
    line = json.dumps({"w": number, "s": session, "n": record}).encode() + b"\n"
    # A file that does not end with a line feed would swallow ours: nobody tears lines here.
    assert os.write(fd, line) == len(line)
    acknowledged.append((rollout.path, line.decode()))


def session_of(rollout: RolloutRef, create: bool, most: int) -> None:
    global sessions
    sessions += 1
    with contextlib.suppress(FileNotFoundError):
        fd = open_plain(rollout, create)
        for record in range(dice.randint(1, most)):
            write(fd, rollout, sessions, record)
            pause(0.004 if dice.random() < 0.8 else 0.1)  # idle, but loaded
            if most > 1 and dice.random() < 0.1:  # a failed write: open it again
                os.close(fd)
                sessions += 1
                fd = open_plain(rollout, True)
        os.close(fd)


def locked(rollout: RolloutRef) -> None:
    try:
        lease = locks.lease(rollout.thread_id)
    except BusyError:
        return
    with lease:
        try:
            materialize(places, rollout, lease)
        except CodexlabError:
            return  # a shadow is being dealt with; codex would fail here, too
        session_of(rollout, True, 6)


while not os.path.exists(stop):
    rollout = dice.choice(rollouts)
    if kind in ("codex", "unlinked"):
        locked(rollout)
    elif kind == "old":
        if os.path.exists(rollout.path):
            session_of(rollout, True, 6)
    else:
        session_of(rollout, kind == "rogue", 1)
    pause(0.02 if kind != "rogue" else 0.1)
json.dump(acknowledged, sys.stdout)
