"""Write until stopped and continued, and be silent from then on."""

import os
import signal
import time

talking = True


def fall_silent(*_: object) -> None:
    global talking
    talking = False


signal.signal(signal.SIGCONT, fall_silent)
os.write(1, b"ready")
while talking:
    os.write(1, b".")
    time.sleep(0.02)
signal.pause()
