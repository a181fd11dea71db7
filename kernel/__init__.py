"""The few kernel facts everything rests on; standard library only."""

from ._durable import fsync_directory, replace_file, write_all
from ._errors import BusyError, CallerError, CodexlabError, InternalError, OperatorError
from ._flock import open_lock_file, try_lock, unlock
from ._identity import ProcessIdentity, ProcessStat, boot_id, identify, is_running, read_stat
from ._libc import (
    is_child_subreaper,
    rename_noreplace,
    set_child_subreaper,
    set_parent_death_signal,
)

__all__ = [
    "BusyError",
    "CallerError",
    "CodexlabError",
    "InternalError",
    "OperatorError",
    "ProcessIdentity",
    "ProcessStat",
    "boot_id",
    "fsync_directory",
    "identify",
    "is_child_subreaper",
    "is_running",
    "open_lock_file",
    "read_stat",
    "rename_noreplace",
    "replace_file",
    "set_child_subreaper",
    "set_parent_death_signal",
    "try_lock",
    "unlock",
    "write_all",
]
