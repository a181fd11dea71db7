"""A parent of twenty zombies that never asks how they ended."""

import os

from support.adversaries.stage import say_ready, start, wait_for_the_end

for pid in [start(lambda: None) for _ in range(20)]:
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
say_ready()
wait_for_the_end()
