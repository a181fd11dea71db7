"""What tests of runs inside this process share."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_server_left_behind() -> Iterator[None]:
    """End the fork server of this process after each test, as a host's end does."""
    yield
    if "codexlab.supervisor._open_run" not in sys.modules:
        return
    from codexlab.supervisor import _open_run

    server = _open_run._SERVER
    if server._channel is not None and server._process is not None:
        server._channel.close()
        server._process.wait(30)
    _open_run._SERVER = _open_run._ForkServer()
