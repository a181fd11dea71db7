"""The plan of a launch shows every limit that the launch would apply."""

from __future__ import annotations

import json

from support.lab import Lab

from codexlab.supervisor.settings.table import SETTINGS

FLAGS = [
    *("--issue", "1", "--timeout", "1h", "--idle-timeout", "90s", "--memory-max", "512M"),
    *("--pids-max", "50", "--cpu-max", "1.5", "--grace", "1500ms", "--containment", "subreaper"),
    *("--retries", "2", "--retry-on", "1,75", "--wait", "--log-max-size", "1M", "--dry-run"),
]


def test_the_plan_as_json_has_every_limit(lab: Lab) -> None:
    plan = json.loads(lab.run([*FLAGS, "--json"], ["true"]).stdout)
    assert plan["limits"] == {
        "timeout": 3600.0,
        "idle_timeout": 90.0,
        "memory_max": 512 << 20,
        "pids_max": 50,
        "cpu_max": 1.5,
        "grace": 1.5,
        "containment": "subreaper",
        "wait": "forever",
        "log_max_bytes": 1 << 20,
    }
    assert plan["retries"] == {"retries": 2, "retry_on": [1, 75]}


def test_the_plan_for_a_person_says_the_units(lab: Lab) -> None:
    shown = [line[12:].strip() for line in lab.run(FLAGS, ["true"]).stdout.splitlines()]
    for line in (
        *("timeout: 3600 s", "idle_timeout: 90 s", "memory_max: 536870912 bytes"),
        *("pids_max: 50 processes", "cpu_max: 1.5 cores", "grace: 1.5 s", "wait: forever"),
        *("log_max_bytes: 1048576 bytes", "retries: 2", "retry_on: 1 75"),
    ):
        assert line in shown


def test_a_limit_that_a_file_sets_is_in_the_plan(lab: Lab) -> None:
    (lab.cwd / ".codexlab.toml").write_text('memory_max = "1G"\nidle_timeout = "10m"\n')
    plan = json.loads(lab.run(["--issue", "1", "--dry-run", "--json"], ["true"]).stdout)
    assert plan["limits"]["memory_max"] == 1 << 30
    assert plan["limits"]["idle_timeout"] == 600.0
    assert plan["limits"]["timeout"] is None


def test_no_setting_of_the_groups_of_limits_is_left_out(lab: Lab) -> None:
    plan = json.loads(lab.run(["--issue", "1", "--dry-run", "--json"], ["true"]).stdout)
    named = {row.name for row in SETTINGS if row.group in ("Limits", "Trying again")}
    assert named <= plan["limits"].keys() | plan["retries"].keys()
