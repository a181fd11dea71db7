"""Carry owner, mode and extended attributes from one form to the other."""

from __future__ import annotations

import os
import stat as stat_module


def give_owner(target: int, created: os.stat_result, stat: os.stat_result) -> None:
    """Make ``target`` belong to the owner and group that ``stat`` names.

    :param created: what fstat says of ``target``.
    :raises PermissionError: we may not: a file's owner may give it to their own groups only.
    """
    if (created.st_uid, created.st_gid) != (stat.st_uid, stat.st_gid):
        os.fchown(target, stat.st_uid, stat.st_gid)


def copy_attributes(
    source: int, stat: os.stat_result, target: int, created: os.stat_result
) -> None:
    """Make ``target`` belong to whom, and be readable by whom, ``source`` is.

    :param stat: what fstat says of ``source``, and ``created`` what it says of ``target``.
    :raises OSError: we may not give it to that owner.
    """
    give_owner(target, created, stat)
    for name in os.listxattr(source):
        if name.startswith("user.") or name == "system.posix_acl_access":
            os.setxattr(target, name, os.getxattr(source, name))
    # Last: chown clears, and an access list changes, what the mode says.
    os.fchmod(target, stat_module.S_IMODE(stat.st_mode))
