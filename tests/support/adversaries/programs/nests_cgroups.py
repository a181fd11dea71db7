"""Groups three deep below our own, a process in each, the deepest frozen."""

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

group = own_group()
for name in ("a", "b", "c"):
    group += f"/{name}"
    os.mkdir(group)

    def join(done: Callable[[], None]) -> None:
        write(group + "/cgroup.procs", "0")  # noqa: B023
        done()
        linger()

    start_and_wait_ready(join)
write(group + "/cgroup.freeze", "1")
say_ready()
wait_for_the_end()
