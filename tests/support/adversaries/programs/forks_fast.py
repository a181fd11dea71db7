"""A chain of processes, each alive only until it has forked the next: a moving target.

It stops by itself after less than a minute. Every second generation leaves its
session, so that no process group holds the chain.
"""

import os
import time

from support.adversaries.stage import say_ready, start, wait_for_the_end

SECONDS = 40


def chain() -> None:
    end = time.monotonic() + SECONDS
    generation = 0
    while time.monotonic() < end:
        if os.fork():
            os._exit(0)
        generation += 1
        if generation % 2:
            os.setsid()


os.waitpid(start(chain), 0)
say_ready()
wait_for_the_end()
