"""Workers in groups and sessions of their own; at the end the leader dies by KILL."""

import os
import signal
from collections.abc import Callable

from support.adversaries.stage import linger, say_ready, start_and_wait_ready, wait_for_the_end


def in_own_session(done: Callable[[], None]) -> None:
    os.setsid()
    done()
    linger()


def in_own_group(done: Callable[[], None]) -> None:
    os.setpgid(0, 0)
    done()
    linger()


for way in (in_own_session, in_own_group):
    start_and_wait_ready(way)
say_ready()
wait_for_the_end()
os.kill(os.getpid(), signal.SIGKILL)
