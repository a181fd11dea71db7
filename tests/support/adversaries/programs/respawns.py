"""Two processes that watch each other; when one is killed the other starts it anew."""

import os
import select
import time

from support.adversaries.stage import LIFETIME, say_ready, start, wait_for_the_end

END = time.monotonic() + LIFETIME


def watch(partner: int) -> None:
    while time.monotonic() < END:
        wait_exit(partner)
        me = os.getpid()
        partner = start(lambda: watch(me))  # noqa: B023


def wait_exit(pid: int) -> None:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([fd], [], [], LIFETIME)
    os.close(fd)


def pair() -> None:
    me = os.getpid()
    watch(start(lambda: watch(me)))


start(pair)
say_ready()
wait_for_the_end()
