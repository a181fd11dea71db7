"""Moves to the group above *and* double-forks with an empty environment."""

import os

from support.adversaries.stage import (
    become_anonymous_sleeper,
    own_group,
    start,
    wait_for_the_end,
    write,
)


def middle() -> None:
    write(os.path.dirname(own_group()) + "/cgroup.procs", "0")
    os.setsid()
    start(become_anonymous_sleeper)


os.waitpid(start(middle), 0)
wait_for_the_end()
