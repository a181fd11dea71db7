"""Make the first commit a child of the second, in a graph that git has written."""

import hashlib
import os
import struct
import sys
from pathlib import Path

path, child, parent = sys.argv[1:]
data = bytearray(Path(path).read_bytes())
parts = [struct.unpack_from(">4sQ", data, 8 + 12 * n) for n in range(data[6] + 1)]
ids, rows = (dict(parts)[name] for name in (b"OIDL", b"CDAT"))
found = [data[at : at + 20].hex() for at in range(ids, rows, 20)]
row = rows + 36 * found.index(child)
struct.pack_into(">I", data, row + 20, found.index(parent))
struct.pack_into(">I", data, row + 28, (100 << 2) | (data[row + 31] & 3))
data[-20:] = hashlib.sha1(data[:-20]).digest()
os.unlink(path)
Path(path).write_bytes(data)
