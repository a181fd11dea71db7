"""Runs embedded in a program run on either library."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["trio", "asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The library that a test runs on."""
    return str(request.param)
