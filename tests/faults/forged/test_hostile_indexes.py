"""codex's index of threads, as an agent can make it: nobody computes what it says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.commands import CODEXLAB, run_to_end
from support.rollout.files import lines, message, meta, rollout_path, thread_id, write

pytestmark = pytest.mark.one_python

_PROGRAM = str(CODEXLAB)
_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
_SCHEMAS = {
    "a view": f"CREATE VIEW threads AS {_ENDLESS} 'x' AS id, 'y' AS rollout_path FROM n",
    "a generated column": "CREATE TABLE threads (id TEXT, rollout_path TEXT AS"
    " (zeroblob(1 << 29)))",
}


@pytest.mark.parametrize("schema", _SCHEMAS)
def test_an_index_with_an_endless_answer_is_no_index(
    scratch: Path, clean_environ: dict[str, str], schema: str
) -> None:
    home = scratch / "codex"
    write(rollout_path(home, thread_id(1)), lines(meta(thread_id(1)), message("user", "hello")))
    for number in range(20):
        with closing(sqlite3.connect(home / f"state_{number}.sqlite")) as connection, connection:
            connection.execute(_SCHEMAS[schema])
            if schema != "a view":
                connection.execute("INSERT INTO threads (id) VALUES (?)", (thread_id(2),))
    limited = ["/bin/sh", "-c", 'ulimit -t 15; exec "$@"', "sh", _PROGRAM, "rollout", "show"]
    environ = clean_environ | {"CODEX_HOME": str(home)}
    for thread, status in ((thread_id(1), 0), (thread_id(2), 125)):
        done = run_to_end([*limited, thread], environ)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
