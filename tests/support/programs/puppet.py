"""Open, write and close files, and take leases, as the lines of stdin say."""

import json
import os
import sys
from typing import Any

from codexlab.rollout.locks.thread import ThreadLease, ThreadLocks
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.materialize import materialize

files: dict[str, int] = {}
leases: dict[str, ThreadLease] = {}


def do(what: str, name: str, *given: Any) -> int:
    if what == "open":
        files[name] = os.open(given[0], given[1], 0o644)
    elif what == "reopen":  # as an open that had looked the name up before it moved
        files[name] = os.open(f"/proc/self/fd/{files.pop(name)}", given[0])
    elif what == "write":
        return os.write(files[name], given[0].encode())
    elif what == "close":
        os.close(files.pop(name))
    elif what == "lease":
        leases[name] = ThreadLocks(given[0]).lease(given[1])
    elif what == "materialize":
        places = StoreHandle(given[0])
        materialize(places, places.rollout(given[1]), leases[name])
    elif what == "release":
        leases.pop(name).release()
    return 0


for line in sys.stdin:
    try:
        answer = [do(*json.loads(line)), ""]
    except Exception as error:
        answer = [-1, type(error).__name__]
    print(json.dumps(answer), flush=True)
