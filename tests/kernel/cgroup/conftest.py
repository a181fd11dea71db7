"""A leaf that the tests of leaves share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexlab.kernel.cgroup.leaf import (
    create_leaf,
    kill_leaf,
    own_cgroup,
    remove_leaf,
    wait_unpopulated,
)


@pytest.fixture
def leaf() -> Iterator[Path]:
    """A leaf of the test's own."""
    parent = own_cgroup()
    if parent is None or not os.access(parent, os.W_OK):
        pytest.skip("no writable cgroup v2 here")
    path = create_leaf(parent, f"test-{uuid.uuid4().hex[:8]}")
    yield path
    kill_leaf(path)
    assert wait_unpopulated(path, 10)
    assert remove_leaf(path)
