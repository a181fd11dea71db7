"""A child moves itself to the group above."""

import os
from collections.abc import Callable

from support.adversaries.stage import (
    linger,
    own_group,
    say_ready,
    start_and_wait_ready,
    wait_for_the_end,
    write,
)


def leave(done: Callable[[], None]) -> None:
    write(os.path.dirname(own_group()) + "/cgroup.procs", "0")
    done()
    linger()


start_and_wait_ready(leave)
say_ready()
wait_for_the_end()
