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

    kept = _guardians._guardians_of_host
    kept.let_go()
    if kept._process is not None:
        kept._process.wait(30)
    _guardians._guardians_of_host = _guardians._Guardians()
