"""Our own two files are TOML as codex reads it: with a byte order mark, and of version 1.1."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lab import Lab

TEXTS = {
    "a byte order mark": b'\xef\xbb\xbfbase = "gone"\n',
    "version 1.1": b'base = "\\x67one"\r\n',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("theirs", [True, False], ids=["user config", "project file"])
def test_a_setting_in_it_counts(lab: Lab, scratch: Path, text: bytes, theirs: bool) -> None:
    path = scratch / "own.toml" if theirs else lab.cwd / ".codexlab.toml"
    (scratch / "own.toml").touch()
    path.write_bytes(text)
    lab.environ["CODEXLAB_CONFIG"] = str(scratch / "own.toml")
    done = lab.run(["--issue", "1"], ["true"])
    assert done.returncode == 125
    assert "gone" in done.stderr
    assert "TOML" not in done.stderr


def test_an_inline_table_over_lines_counts(lab: Lab, scratch: Path) -> None:
    marker = scratch / "hook-ran"
    (scratch / "own.toml").write_text(f'hooks = {{\n  before_run = "touch {marker}", # mine\n}}\n')
    lab.environ["CODEXLAB_CONFIG"] = str(scratch / "own.toml")
    done = lab.run(["--issue", "1"], ["true"])
    assert done.returncode == 0, done.stderr
    assert marker.exists()


def test_a_config_of_codex_that_cannot_be_read_does_not_end_the_launch(
    lab: Lab, shared_home: Path
) -> None:
    (shared_home / "config.toml").write_text('env_key = "sk-secret-0123\n')
    done = lab.run(["--issue", "1", "--agent", "codex"], ["true"])
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert str(shared_home / "config.toml") in done.stderr
    assert "sk-secret" not in done.stderr
