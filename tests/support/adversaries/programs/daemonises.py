"""Double fork, a session of its own, an empty environment, no descriptor left."""

import os

from support.adversaries.stage import become_anonymous_sleeper, start, wait_for_the_end


def middle() -> None:
    os.setsid()
    start(become_anonymous_sleeper)


os.waitpid(start(middle), 0)
wait_for_the_end()
