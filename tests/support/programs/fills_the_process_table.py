"""Take every process that the user may have, and each that becomes free."""

import os
import signal
import time

if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    said = False
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
                time.sleep(60)
                os._exit(0)
        except BlockingIOError:
            said = said or print("full", flush=True) is None
            time.sleep(0.001)
time.sleep(60)
