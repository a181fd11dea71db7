"""A toolchain that was chosen for the command which started codexlab-run is not the agent's."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import run_to_end
from support.lab import Lab

_STARTER = """\
use std::os::unix::process::CommandExt;
fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    panic!("{}", std::process::Command::new(&words[0]).args(&words[1..]).exec());
}
"""
_SHOW = ["sh", "-c", 'echo "${RUSTUP_TOOLCHAIN-unset}"']


@pytest.mark.parametrize(("chooser", "passes"), [("cargo +stable", False), ("the user", True)])
def test_a_toolchain_passes_only_where_the_user_chose_it(
    lab: Lab, crate: Path, cargo: dict[str, str], chooser: str, passes: bool
) -> None:
    (crate / "src" / "main.rs").write_text(_STARTER)
    by_proxy = ["+stable"] if chooser == "cargo +stable" else []
    environ = cargo if by_proxy else {**cargo, "RUSTUP_TOOLCHAIN": "stable"}
    launch = lab.argv(["--issue", "1", "--no-repo"], _SHOW)
    done = run_to_end(["cargo", *by_proxy, "run", "-q", "--", *launch], environ, crate)
    if "not a rustup" in done.stderr or "no such command: `+stable`" in done.stderr:
        pytest.skip("cargo here is no proxy of rustup")
    assert done.returncode == 0, done.stderr
    assert (done.stdout != "unset\n") is passes
