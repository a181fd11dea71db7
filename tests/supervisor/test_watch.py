"""A signal may come in at the very moment in which a run is over."""

from __future__ import annotations

import math
import os
import signal

import anyio
import pytest
import trio
from anyio.streams.memory import MemoryObjectSendStream

from codexlab.guardian.channel import Message
from codexlab.kernel.containment.membership import RunProcesses
from codexlab.kernel.process.identity import ProcessIdentity, boot_id
from codexlab.supervisor.lifecycle.ladder import build_ladder
from codexlab.supervisor.lifecycle.machine import Phase
from codexlab.supervisor.watching.limits import Limits
from codexlab.supervisor.watching.watch import Watch

GONE = ProcessIdentity(os.getpid(), 1, boot_id())
EXITED = {"event": "exited", "status": 256, "user": 0.0, "system": 0.0, "max_rss_kib": 0}


class Meddler(trio.abc.Instrument):
    """Sends one signal when the watching task is about to take a certain step of its last."""

    def __init__(
        self, watch: Watch, news: MemoryObjectSendStream[Message], signum: int, steps: int
    ) -> None:
        self._watch = watch
        self._news = news
        self._signum = signum
        self._steps = steps
        self._task = trio.lowlevel.current_task()
        self.sent = False

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task and self._watch.state.phase is Phase.SWEEPING and not self.sent:
            self._steps -= 1
            if self._steps < 0:
                self.sent = True
                self._news.send_nowait({"event": "signal", "signum": self._signum})


async def watch_with_signal(signum: int, steps: int) -> tuple[Watch, bool]:
    """Return the watch, and whether the signal is still there for whoever listens next."""
    send, receive = anyio.create_memory_object_stream[Message](math.inf)
    watch = Watch(
        GONE, lambda: RunProcesses("no such run"), build_ladder(1.0), receive, Log(), lambda: 0.0
    )
    send.send_nowait(EXITED)
    meddler = Meddler(watch, send, signum, steps)
    trio.lowlevel.add_instrument(meddler)
    try:
        await watch.run(Limits())
        return watch, not meddler.sent or receive.statistics().current_buffer_used > 0
    finally:
        trio.lowlevel.remove_instrument(meddler)
        send.close()
        receive.close()


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


class Log:
    """Takes events and keeps none."""

    def emit(self, event: str, **values: object) -> None:
        """Forget it."""
