"""A child that stops itself, so that it takes no signal but KILL and CONT."""

import os
import signal

from support.adversaries.stage import linger, say_ready, start, wait_for_the_end


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    linger()


os.waitpid(start(stop), os.WUNTRACED)
say_ready()
wait_for_the_end()
