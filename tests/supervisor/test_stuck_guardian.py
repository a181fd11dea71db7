"""A guardian that stops again whenever it is continued is given up, and keeps nobody waiting."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import trio

from codexlab.guardian.channel import open_channel_pair
from codexlab.guardian.protocol import EchoSignal, ListChildren
from codexlab.kernel.process.identity import name_process
from codexlab.supervisor.errors import GuardianLost
from codexlab.supervisor.guardian_client.link import GuardianLink

STOPS = "while :; do kill -STOP $$; done"


@pytest.fixture
def link() -> Iterator[GuardianLink]:
    ours, theirs = open_channel_pair()
    with subprocess.Popen(["sh", "-c", STOPS], pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        made = GuardianLink(ours, name_process(process.pid))
        try:
            yield made
        finally:
            made.close()
            process.kill()


@pytest.mark.trio
async def test_it_is_given_up_when_it_does_not_answer(link: GuardianLink) -> None:
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.listen)
            with pytest.raises(GuardianLost):
                await link.ask(ListChildren())
    assert link.lost


@pytest.mark.trio
async def test_it_is_given_up_when_it_takes_nothing(link: GuardianLink) -> None:
    def tell() -> None:
        for _ in range(100_000):
            link.tell(EchoSignal(1))

    with trio.fail_after(60):
        with pytest.raises(GuardianLost):
            await trio.to_thread.run_sync(tell, abandon_on_cancel=True)
        await link.listen()
    assert link.lost
