"""A grandchild in a session of its own keeps our stdout and stderr open."""

import os

from support.adversaries.stage import linger, say_ready, start, wait_for_the_end


def middle() -> None:
    os.setsid()
    start(linger)


os.waitpid(start(middle), 0)
say_ready()
wait_for_the_end()
