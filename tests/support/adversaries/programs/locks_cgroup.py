"""Takes all rights from the files of its own group: its user can neither read nor kill it."""

import os

from support.adversaries.stage import (
    ignore_endings,
    linger,
    own_group,
    say_ready,
    start,
    wait_for_the_end,
)

group = own_group()
ignore_endings()
start(linger)
for name in os.listdir(group):
    if name.startswith("cgroup."):
        os.chmod(f"{group}/{name}", 0)
os.chmod(group, 0)
say_ready()
wait_for_the_end()
