"""A signal at the very moment in which a run is over, and the late end of a program before it."""

from __future__ import annotations

import os
import signal

import pytest
import trio
import trio.testing

from codexlab.guardian.protocol import AgentExited, Signalled
from codexlab.kernel.containment.membership import RunProcesses
from codexlab.kernel.process.identity import ProcessIdentity, boot_id
from codexlab.supervisor.guardian_client.notifications import Notifications
from codexlab.supervisor.lifecycle.ladder import build_ladder
from codexlab.supervisor.lifecycle.machine import Phase
from codexlab.supervisor.watching.limits import Limits
from codexlab.supervisor.watching.watch import Watch, Watched

GONE = ProcessIdentity(os.getpid(), 1, boot_id())
WATCHED = Watched(GONE, lambda: RunProcesses("no such run"), lambda: 0.0)
EXITED = AgentExited(os.getpid(), 256, 0.0, 0.0, 0)


class Meddler(trio.abc.Instrument):
    """Sends one signal when the watching task is about to take a certain step of its last."""

    def __init__(self, watch: Watch, notifications: Notifications, signum: int, steps: int) -> None:
        self._watch = watch
        self._notifications = notifications
        self._signum = signum
        self._steps = steps
        self._task = trio.lowlevel.current_task()
        self.sent = False

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task and self._watch.state.phase is Phase.SWEEPING and not self.sent:
            self._steps -= 1
            if self._steps < 0:
                self.sent = True
                self._notifications.put(Signalled(self._signum))


async def watch_with_signal(signum: int, steps: int) -> tuple[Watch, bool]:
    """Return the watch, and whether the signal is still there for whoever listens next."""
    notifications = Notifications()
    watch = Watch(WATCHED, build_ladder(1.0), notifications, Log())
    notifications.put(EXITED)
    meddler = Meddler(watch, notifications, signum, steps)
    trio.lowlevel.add_instrument(meddler)
    try:
        await watch.run(Limits())
        return watch, not meddler.sent or notifications.waiting() > 0
    finally:
        trio.lowlevel.remove_instrument(meddler)
        notifications.close()


@pytest.mark.trio
@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGTERM])
async def test_a_signal_at_any_of_the_last_steps_breaks_nothing_and_is_not_lost(
    signum: int,
) -> None:
    # trio takes the tasks that are ready in random order.
    for steps in [*range(4)] * 10:
        watch, unheard = await watch_with_signal(signum, steps)
        assert watch.state.phase is Phase.DONE
        assert watch.wait_status == 256
        assert watch.ending_signal or unheard or signum != signal.SIGTERM


@pytest.mark.trio
async def test_the_end_of_an_earlier_program_is_not_taken_for_the_agents_own() -> None:
    notifications = Notifications()
    earlier = AgentExited(GONE.pid + 1, 9, 0.0, 0.0, 0)
    watch = Watch(WATCHED, build_ladder(1.0), notifications, Log())
    notifications.put(earlier)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run, Limits())
            await trio.testing.wait_all_tasks_blocked()
            assert (watch.state.phase, watch.wait_status) == (Phase.RUNNING, None)
            notifications.put(EXITED)
    assert watch.wait_status == 256
    notifications.close()


class Log:
    """Takes events and keeps none."""

    def emit(self, event: str, **values: object) -> None:
        """Forget it."""
