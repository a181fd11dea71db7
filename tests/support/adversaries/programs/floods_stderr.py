"""A child writes to stderr as fast as it is read."""

import os
import time

from support.adversaries.stage import LIFETIME, say_ready, start, wait_for_the_end

END = time.monotonic() + LIFETIME


def flood() -> None:
    while time.monotonic() < END:
        os.write(2, b"no newline for you " * 200)


start(flood)
say_ready()
wait_for_the_end()
