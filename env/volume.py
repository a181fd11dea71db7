"""Which filesystem a path lies on, by ids that survive a remount."""

from __future__ import annotations

import fcntl
import os

_FS_IOC_GETFSUUID = 0x80111500  # _IOR(0x15, 0, struct fsuuid2), linux/fs.h since 6.9
_BY_UUID = "/dev/disk/by-uuid"


def volume_ids(path: str) -> tuple[str, ...]:
    """Return the ids of the filesystem that holds ``path``, lower case, best first.

    First its UUID, from the kernel (``FS_IOC_GETFSUUID``, Linux 6.9) or from ``/dev/disk/by-uuid``.
    Then ``fsid:<hex>`` as statvfs(2) gives it; a filesystem without UUID may change it at every
    mount. Device numbers are no ids: they change with the order of mounting.
    """
    uuid = _kernel_uuid(path) or _linked_uuid(path)
    fsid = os.statvfs(path).f_fsid
    return tuple(filter(None, (uuid, f"fsid:{fsid:x}" if fsid else None)))


def _kernel_uuid(path: str) -> str | None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        answer = fcntl.ioctl(fd, _FS_IOC_GETFSUUID, bytes(17))
    except OSError:
        return None
    finally:
        os.close(fd)
    digits = answer[1 : 1 + answer[0]].hex()  # a length, then so many bytes
    if not digits.strip("0"):
        return None
    if len(digits) != 32:
        return digits
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _linked_uuid(path: str) -> str | None:
    device = os.stat(path).st_dev
    try:
        names = os.listdir(_BY_UUID)
    except OSError:
        return None
    for name in names:
        try:
            if os.stat(os.path.join(_BY_UUID, name)).st_rdev == device:
                return name.lower()
        except OSError:
            continue
    return None
