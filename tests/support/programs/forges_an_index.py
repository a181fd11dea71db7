"""Put into an index what another says of directories, and into an entry the file times."""

import hashlib
import os
import struct
import sys
from pathlib import Path


def parts(path: str) -> tuple[bytes, bytes, bytes]:
    data = Path(path).read_bytes()[:-20]
    at = data.rindex(b"TREE")
    end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
    return data[:at], data[at:end], data[end:]


before, index = sys.argv[1:]
head, _, rest = parts(index)
at, found = head.index(b"d/f\0") - 62, os.stat("d/f")
times = (found.st_ctime_ns, found.st_mtime_ns)
numbers = [part for time in times for part in divmod(time, 10**9)]
numbers += [found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_size]
entry = struct.pack(">10I", *(number & 0xFFFFFFFF for number in numbers))
data = head[:at] + entry + head[at + 40 :] + parts(before)[1] + rest
Path(index).write_bytes(data + hashlib.sha1(data).digest())
