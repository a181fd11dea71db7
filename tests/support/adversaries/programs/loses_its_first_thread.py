"""A child whose first thread has ended: the kernel shows a zombie, its other thread works on."""

import ctypes
import threading
from collections.abc import Callable

from support.adversaries.stage import linger, say_ready, start_and_wait_ready, wait_for_the_end


def leave(done: Callable[[], None]) -> None:
    threading.Thread(target=linger).start()
    done()
    ctypes.CDLL(None).pthread_exit(None)


start_and_wait_ready(leave)
say_ready()
wait_for_the_end()
