"""Who belongs to a run, told by who its guardian is and not by a number."""

from __future__ import annotations

import subprocess
from dataclasses import replace

from codexlab.kernel.containment.membership import RunProcesses, is_evidently_empty, members
from codexlab.kernel.process.identity import name_process


def test_children_of_a_process_that_has_a_guardians_number_are_nobodys() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo started; wait"], stdout=subprocess.PIPE
    ) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        identity = name_process(stranger.pid)
        processes = RunProcesses("no-such-run", guardian=identity)
        assert len(members(processes)) == 1
        assert processes.can_prove
        assert not is_evidently_empty(processes)
        mistaken = replace(
            processes, guardian=replace(identity, start_time=identity.start_time - 1)
        )
        assert members(mistaken) == ()
        # Its guardian is gone: what a few files show proves nothing then.
        assert not is_evidently_empty(mistaken)
        assert not mistaken.can_prove
        for process in members(processes):
            subprocess.run(["kill", str(process.pid)], check=True)
        stranger.wait(30)
    assert not processes.can_prove
