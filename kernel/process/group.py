"""The processes of one process group: the last resort, without a cgroup and with /proc hidden.

A member leaves it by ``setsid`` or ``setpgid``, as codex's shell tools do, so an empty
group proves nothing about the run.
"""

from __future__ import annotations

import errno
import os
import signal

from ..values import frozen

# Linux 6.9. Names the group by the leader's descriptor, not by a number.
_PIDFD_SIGNAL_PROCESS_GROUP = 1 << 2


@frozen
class ProcessGroup:
    """One group, for as long as its descriptor is open.

    :param number: its id, the pid of its leader.
    :param leader: a pidfd of the leader, dead or alive. While it is open, a signal sent through
        it reaches no other group that gets the number.
    """

    number: int
    leader: int


def signal_group(group: ProcessGroup, signum: int) -> bool:
    """Send a signal to every member; 0 only asks whether there is one.

    Before Linux 6.9 the group is named by its number alone. Another group can have that number
    once this group is empty and its leader reaped.

    :returns: False when there is no member. Members that changed their user count.
    """
    try:
        signal.pidfd_send_signal(group.leader, signum, None, _PIDFD_SIGNAL_PROCESS_GROUP)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return _signal_by_number(group.number, signum)
    return True


def _signal_by_number(number: int, signum: int) -> bool:
    try:
        os.killpg(number, signum)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
