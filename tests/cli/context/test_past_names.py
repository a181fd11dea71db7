"""A run of the history has the same names as a run of the registry."""

from __future__ import annotations

import pytest
from support.lab import Lab

from codexlab.cli.context.find_runs import find_run
from codexlab.cli.context.run_names import UnknownRun
from codexlab.supervisor.records.ended import move_ended
from codexlab.supervisor.records.registry import read_entries


@pytest.mark.parametrize("moved", [False, True])
def test_each_name_means_the_same_run_wherever_it_is_kept(lab: Lab, moved: bool) -> None:
    for issue, project in (("a/b", "p"), ("12", "p"), ("12", "q")):
        flags = ["--agent", "generic", "--no-repo", "--issue", issue, "--project", project]
        assert lab.run(flags, ["true"]).returncode == 0
    first, second, third = (entry.run_id for entry in read_entries())
    if moved:
        move_ended([], lambda line: pytest.fail(line))
        assert read_entries() == []
    names = {
        first: ("a/b", "a/b/generic", "p/a/b", "p/a/b/generic"),
        second: ("p/12",),
        third: ("q/12", "-", "q/12/generic"),
    }
    for run_id, texts in names.items():
        for name in (*texts, run_id, run_id[:-1], run_id[17:]):
            assert find_run(name).run_id == run_id, name
    with pytest.raises(UnknownRun, match="a/c: no run has that name; near: a/b"):
        find_run("a/c")
