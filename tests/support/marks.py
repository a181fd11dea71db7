"""Marks that several test files share."""

from __future__ import annotations

import pytest

from .agents.codex import CURRENT, OLD

both_codex = pytest.mark.parametrize("codex", [CURRENT, OLD], indirect=True)
"""Run the test once with each pinned codex; it takes the fixture ``codex``."""
