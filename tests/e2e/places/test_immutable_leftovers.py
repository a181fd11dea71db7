"""What cannot be removed of a run's temp directory is told, on one line and in the record."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.lab import Lab

MAKE_IMMUTABLE = 'touch "$TMPDIR/kept" && chattr +i "$TMPDIR/kept"'


@pytest.mark.parametrize("hooked", [False, True])
def test_a_temp_directory_with_an_immutable_file_is_told(lab: Lab, *, hooked: bool) -> None:
    if os.getuid() != 0 or shutil.which("chattr") is None:
        pytest.skip("only root can make a file immutable")
    flags, command = ["--issue", "1"], ["sh", "-c", MAKE_IMMUTABLE]
    if hooked:
        flags, command = [*flags, "--hook-after-run", MAKE_IMMUTABLE], ["true"]
    try:
        done = lab.run(flags, command)
        (record,) = lab.records
        (line,) = [line for line in done.stderr.splitlines() if "temp directory" in line]
        assert (done.returncode, record["reason"]) == (0, "exited"), done.stderr
        assert f"{record['temporary']} could not be removed: Operation not permitted" in line
        (warning,) = [each for each in record["warnings"] if "temp directory" in str(each)]
        assert str(warning) in line
        assert Path(str(record["temporary"]), "kept").exists()
    finally:
        for each in lab.records:
            place = Path(str(each["temporary"]))
            subprocess.run(["chattr", "-i", place / "kept"], check=False)
            shutil.rmtree(place, ignore_errors=True)
