"""What tests of runs inside this process share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes.leaks import own_cgroup

from codexlab.kernel.cgroup.leaf import remove_leaf


@pytest.fixture
def leaves_group() -> Iterator[Path]:
    """A group that leaves are made in."""
    home = own_cgroup()
    if home is None or not os.access(home, os.W_OK):
        pytest.skip("no cgroup v2 we may divide")
    path = home / f"leaves-{os.getpid()}"
    path.mkdir()
    yield path
    assert remove_leaf(path)


@pytest.fixture(autouse=True)
def no_server_left_behind() -> Iterator[None]:
    """End the fork server of this process after each test, as a host's end does."""
    yield
    if "codexlab.supervisor.guardian_client.pool" not in sys.modules:
        return
    from codexlab.supervisor.guardian_client import pool

    kept = pool._guardians_of_host
    kept.let_go()
    if kept._process is not None:
        kept._process.wait(30)
    pool._guardians_of_host = pool._Guardians()
