"""With an artifact root an agent's package caches go there too, and stay the user's to set."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lab import Lab

from codexlab.env.artifact_root import ARTIFACT_ROOT_VARIABLE


@pytest.fixture
def root(lab: Lab, scratch: Path) -> Path:
    root = scratch / "volume"
    root.mkdir()
    lab.environ[ARTIFACT_ROOT_VARIABLE] = str(root)
    return root


def seen(lab: Lab, *flags: str) -> dict[str, str]:
    done = lab.run(["--issue", "1", *flags], ["env", "-0"])
    assert done.returncode == 0, done.stderr
    return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)


def test_package_caches_lie_below_the_root_exist_and_are_writable_in_the_sandbox(
    lab: Lab, root: Path
) -> None:
    environment = seen(lab)
    config = (lab.workspace / "codex-home" / "config.toml").read_text()
    for name in ("NPM_CONFIG_CACHE", "pnpm_config_store_dir", "CODEX_EXEC_HARNESS_OUTPUT_ROOT"):
        place = Path(environment[name])
        assert root in place.parents
        assert place.is_dir()
        assert str(place) in config


def test_what_the_user_sets_stays_theirs(lab: Lab, root: Path) -> None:
    assert seen(lab, "--set", "NPM_CONFIG_CACHE=/mine")["NPM_CONFIG_CACHE"] == "/mine"
    lab.environ["NPM_CONFIG_CACHE"] = "/inherited"
    assert seen(lab)["NPM_CONFIG_CACHE"].startswith(str(root))
    assert seen(lab, "--pass", "NPM_CONFIG_CACHE")["NPM_CONFIG_CACHE"] == "/inherited"


def test_without_a_root_nothing_is_routed(lab: Lab) -> None:
    environment = seen(lab)
    assert not {"NPM_CONFIG_CACHE", "pnpm_config_store_dir"} & environment.keys()
