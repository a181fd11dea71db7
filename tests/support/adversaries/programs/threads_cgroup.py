"""Turns our own group into a threaded one: cgroup.procs unreadable, cgroup.kill refused."""

import os

from support.adversaries.stage import (
    ignore_endings,
    linger,
    own_group,
    say_ready,
    start,
    wait_for_the_end,
    write,
)

group = own_group()
# Only an empty group can be turned (cgroups(7)), so step out meanwhile.
write(os.path.dirname(group) + "/cgroup.procs", "0")
write(group + "/cgroup.type", "threaded")
write(group + "/cgroup.procs", "0")
ignore_endings()
start(linger)
say_ready()
wait_for_the_end()
