"""Who starts the runs that something goes wrong with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.lab import Lab
from support.users.unprivileged import Unprivileged
from support.workspace.forging import as_ordinary_user


@pytest.fixture(params=["us", "nobody"])
def caller(request: pytest.FixtureRequest, lab: Lab, scratch: Path, as_nobody: Unprivileged) -> Lab:
    """Whoever starts the runs: as we are, or an ordinary user."""
    if request.param == "us":
        return lab
    if os.geteuid() != 0:
        pytest.skip("every run is an ordinary user's already")
    return as_ordinary_user(lab, scratch, as_nobody)
