"""Write a secret many times, in writes of many sizes."""

import os
import tty

tty.setraw(1)
data = b"".join(b"%d %s " % (n, os.environb[b"MY_API_KEY"] * (n % 3)) for n in range(9000))
print("[begin]", end="", flush=True)
at, size = 0, 1
while at < len(data):
    os.write(1, data[at : at + size])
    at, size = at + size, size * 7 % 4099
print("[end]", end="", flush=True)
