"""A temp directory of our usual name, but not ours, keeps nobody from working and is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.lab import Lab
from support.users.unprivileged import NOBODY, Unprivileged, give

pytestmark = pytest.mark.one_python

FLAGS = ["--issue", "1", "--no-repo", "--agent", "generic"]
SHOW = 'stat -c "%n %u %a" "$TMPDIR" "$(dirname "$TMPDIR")"; echo x >"$TMPDIR/f"'


def theirs(place: Path) -> None:
    place.mkdir(mode=0o700)
    (place / "f").write_text("theirs")
    (place / "f").chmod(0o666)


def open_to_all(place: Path) -> None:
    place.mkdir()
    (place / "f").write_text("theirs")
    place.chmod(0o777)
    give(place)


def a_link(place: Path) -> None:
    elsewhere = place.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    (elsewhere / "f").write_text("theirs")
    give(elsewhere)
    place.symlink_to(elsewhere)


def a_file(place: Path) -> None:
    place.write_text("theirs")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
@pytest.mark.parametrize("make", [theirs, open_to_all, a_link, a_file])
def test_a_run_gets_a_private_temp_directory_all_the_same(
    lab: Lab, as_nobody: Unprivileged, scratch: Path, make: Callable[[Path], None]
) -> None:
    usual = scratch / "tmp" / f"codexlab-{NOBODY}"
    make(usual)
    before = sorted(usual.rglob("*")), os.lstat(usual)
    done = as_nobody.run(lab.argv(FLAGS, ["sh", "-c", SHOW]), environ=as_nobody.places())
    assert (done.returncode, done.stderr) == (0, "")
    own, parent = (line.split() for line in done.stdout.splitlines())
    assert own[1:] == parent[1:] == [str(NOBODY), "700"]
    assert os.path.dirname(parent[0]) == str(scratch / "tmp")
    assert parent[0] != str(usual)
    # Gone with the run, and nothing of the other was touched.
    assert [path.name for path in (scratch / "tmp").glob("codexlab*")] == [usual.name]
    after = sorted(usual.rglob("*")), os.lstat(usual)
    assert (after[0], after[1].st_ino, after[1].st_mode) == (
        before[0],
        before[1].st_ino,
        before[1].st_mode,
    )
    # The leak check looks for what *we* left.
    subprocess.run(["rm", "-rf", usual], check=True)


@pytest.fixture
def apart(lab: Lab, scratch: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that launches in a mount namespace that a script prepares first."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")

    def launch(prepare: str, agent: str, *flags: str) -> subprocess.CompletedProcess[str]:
        argv = lab.argv([*FLAGS, *flags], ["sh", "-c", agent])
        namespace = ["unshare", "--mount", "--propagation", "private"]
        return lab.call([*namespace, "sh", "-ec", f'{OWN_TMP}; {prepare}; exec "$@"', "sh", *argv])

    return launch


OWN_TMP = "mount -t tmpfs -o mode=1777 tmpfs /tmp"
Launch = Callable[..., subprocess.CompletedProcess[str]]
SMALL = 'mount -t tmpfs -o mode=0700,{options} tmpfs "$XDG_RUNTIME_DIR"'
BIG = 'head -c 64M /dev/zero >"$TMPDIR/big" && stat -c %s "$TMPDIR/big"'
PROGRAM = 'printf "#!/bin/sh\\necho ran\\n" >"$TMPDIR/p"; chmod +x "$TMPDIR/p"; "$TMPDIR/p"'
SOCKET = (
    f'{sys.executable} -c "import os, socket;'
    " s = socket.socket(socket.AF_UNIX); s.bind(os.environ['TMPDIR'] + '/' + 's' * 39);"
    " print('bound')\""
)


@pytest.mark.parametrize(
    ("options", "agent", "said"),
    [
        ("size=16m", BIG, f"{64 << 20}\n"),
        ("noexec", PROGRAM, "ran\n"),
        ("nr_inodes=1", PROGRAM, "ran\n"),
        ("ro", PROGRAM, "ran\n"),
    ],
)
@pytest.mark.parametrize("given", ["", "within"], ids=["TMPDIR elsewhere", "TMPDIR within it"])
def test_the_directory_of_a_login_session_is_no_place_for_a_runs_files(
    lab: Lab, apart: Launch, scratch: Path, options: str, agent: str, said: str, given: str
) -> None:
    if given:
        lab.environ["TMPDIR"] = str(scratch / "run")
    else:
        lab.environ.pop("TMPDIR")
    done = apart(SMALL.format(options=options), f'echo "$TMPDIR"; {agent}')
    where, _, rest = done.stdout.partition("\n")
    assert (done.returncode, rest, done.stderr) == (0, said, "")
    assert not where.startswith(str(scratch / "run"))
    assert not os.path.lexists(where)


def test_a_temp_directory_outlives_the_login_session_that_ends_during_the_run(
    lab: Lab, apart: Launch
) -> None:
    lab.environ.pop("TMPDIR")
    end = 'umount "$XDG_RUNTIME_DIR"; rmdir "$XDG_RUNTIME_DIR"'
    agent = f"{end}; {PROGRAM}"
    done = apart(SMALL.format(options="size=16m"), agent, "--pass", "XDG_RUNTIME_DIR")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


def test_a_temp_directory_is_short_enough_for_a_socket_where_tmpdir_is_long(
    lab: Lab, apart: Launch, scratch: Path
) -> None:
    long = scratch / ("d" * 100)
    long.mkdir()
    lab.environ["TMPDIR"] = str(long)
    lab.environ.pop("XDG_RUNTIME_DIR")
    done = apart(":", f'echo "$TMPDIR"; {SOCKET}')
    where, _, rest = done.stdout.partition("\n")
    assert (done.returncode, rest, done.stderr) == (0, "bound\n", "")
    assert not os.path.lexists(where)


def test_a_temp_directory_on_which_nothing_runs_is_passed_over(
    lab: Lab, apart: Launch, scratch: Path
) -> None:
    prepare = f"mount -t tmpfs -o noexec,mode=1777 tmpfs {scratch}/tmp"
    done = apart(prepare, f'echo "$TMPDIR"; {PROGRAM}')
    where, _, rest = done.stdout.partition("\n")
    assert (done.returncode, rest, done.stderr) == (0, "ran\n", "")
    assert not where.startswith(str(scratch / "tmp"))
