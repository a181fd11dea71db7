"""The public names of the rollout package are there, and load no more than they need."""

from __future__ import annotations

import subprocess
import sys

import codexlab.rollout as package


def test_every_public_name_is_there_once() -> None:
    assert len(set(package.__all__)) == len(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_a_name_that_is_none_says_so() -> None:
    assert not hasattr(package, "no_such_name")


def test_finding_a_thread_loads_neither_zstandard_nor_a_database() -> None:
    code = (
        "import sys; from codexlab.rollout import find_thread, read_session_meta;"
        "print([name for name in ('zstandard', 'orjson', 'sqlite3', 'multiprocessing')"
        " if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]"
