"""Hide the environment and values of the command line, and show who still has them."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from codexlab.kernel.process.hide_cmdline import hide_environment, mask_argv_values

hide_environment()
mask_argv_values("--set")
shown = Path("/proc/self/environ").read_bytes().strip(b"\0")
print(shown.decode(), os.environ["PLANTED"])
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print(getenv(b"PLANTED").decode())
print(subprocess.run(["sh", "-c", "echo $PLANTED"], capture_output=True, text=True).stdout.strip())
print(Path("/proc/self/cmdline").read_bytes().split(b"\0", 3)[3].decode().replace("\0", " "))
print(" ".join(sys.argv[1:]))
