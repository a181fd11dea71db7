"""A child overwrites its name, its arguments and its environment, as setproctitle does."""

import ctypes
from collections.abc import Callable

from support.adversaries.stage import linger, say_ready, start_and_wait_ready, wait_for_the_end

PR_SET_NAME = 15


def rename(done: Callable[[], None]) -> None:
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    # proc(5): fields 48 to 51 are arg_start, arg_end, env_start, env_end; 3 is fields[0].
    start, env_end = int(fields[45]), int(fields[48])
    ctypes.memset(start, 0, env_end - start)
    ctypes.memmove(start, b"[kworker/0:0]", 13)
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"kworker/0:0", 0, 0, 0)
    done()
    linger()


start_and_wait_ready(rename)
say_ready()
wait_for_the_end()
