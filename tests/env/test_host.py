"""The host triple, asked once."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

import pytest

from codexlab.env.rustc_host import host_triple

RUSTC = """#!/bin/sh
echo run >> "$LOG"
echo "rustc 1.0.0"
echo "host: {host}"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    return {
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LOG": f"{tmp_path}/log",
    }


def install(environment: dict[str, str], host: str) -> Path:
    rustc = Path(environment["PATH"].split(":")[0]) / "rustc"
    replacement = rustc.with_suffix(".new")
    replacement.write_text(RUSTC.format(host=host))
    replacement.chmod(0o755)
    replacement.replace(rustc)
    return rustc


def runs(environment: dict[str, str]) -> int:
    log = Path(environment["LOG"])
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_the_second_question_runs_no_rustc(tmp_path: Path, environment: dict[str, str]) -> None:
    install(environment, "arm64-test")
    cache = f"{tmp_path}/cache"
    assert [host_triple(cache, environment) for _ in range(3)] == ["arm64-test"] * 3
    assert runs(environment) == 1


def test_another_binary_or_toolchain_is_asked_anew(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    cache = f"{tmp_path}/cache"
    install(environment, "one")
    assert host_triple(cache, environment) == "one"
    install(environment, "another")
    assert host_triple(cache, environment) == "another"
    host_triple(cache, {**environment, "RUSTUP_TOOLCHAIN": "nightly"})
    assert runs(environment) == 3


@pytest.mark.parametrize("host", ["", "../../etc", "a b"])
def test_an_answer_that_is_no_triple_is_not_cached(
    tmp_path: Path, environment: dict[str, str], host: str
) -> None:
    install(environment, host)
    system = os.uname()
    assert (
        host_triple(f"{tmp_path}/cache", environment)
        == f"{system.machine}-{system.sysname.lower()}"
    )
    assert not (tmp_path / "cache").exists()


def test_without_rustc_the_machine_is_named(tmp_path: Path) -> None:
    system = os.uname()
    expected = f"{system.machine}-{system.sysname.lower()}"
    assert host_triple(f"{tmp_path}/cache", {"PATH": f"{tmp_path}:relative"}) == expected
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_or_is_torn_only_costs_time(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    install(environment, "triple")
    (tmp_path / "file").write_bytes(b"")
    assert host_triple(f"{tmp_path}/file/cache", environment) == "triple"
    assert host_triple(f"{tmp_path}/cache", environment) == "triple"
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(b"\xff\0")
    assert host_triple(f"{tmp_path}/cache", environment) == "triple"


@pytest.mark.skipif(shutil.which("rustc") is None, reason="no rustc here")
def test_the_real_rustc_answers(tmp_path: Path) -> None:
    home = pwd.getpwuid(os.getuid()).pw_dir  # rustup's proxy finds its toolchains by HOME
    environment = {**os.environ, "HOME": home}
    assert host_triple(f"{tmp_path}/cache", environment).count("-") >= 2
