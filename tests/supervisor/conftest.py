"""What tests of runs inside this process share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_server_left_behind() -> Iterator[None]:
    """End the fork server of this process after each test, as a host's end does."""
    yield
    if "codexlab.supervisor._guardians" not in sys.modules:
        return
    from codexlab.supervisor import _guardians

    kept = _guardians._GUARDIANS
    if kept._next is not None:
        kept._next.channel.close()
    if kept._channel is not None and kept._process is not None:
        kept._channel.close()
        kept._process.wait(30)
    _guardians._GUARDIANS = _guardians._Guardians()
