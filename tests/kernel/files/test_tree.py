"""Whatever an agent leaves can be deleted, and nothing else is."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from support.users.unprivileged import Unprivileged

from codexlab.kernel.files.tree import remove_tree

# Deeper than Python's stack, than the descriptors of a process, and than PATH_MAX.
DEPTH = 1500

_REMOVE = """
import os, sys
from codexlab.kernel.files.tree import remove_tree
remove_tree(sys.argv[2], os.open(sys.argv[1], os.O_RDONLY))
"""


# Mounts a filesystem, or a directory of the same one, as soon as the tree has been listed;
# with a third word as if the kernel had no openat2.
_REMOVE_UNDER_A_MOUNT = """
import errno, os, subprocess, sys
from codexlab.kernel.files import tree as tree_module
place, source, *old = sys.argv[1:]
listed = tree_module._remove_files
def mount_then_return(*arguments):
    directories = listed(*arguments)
    if not os.path.ismount(place + "/tree/inner"):
        subprocess.run(["mount", *source.split(), place + "/tree/inner"], check=True)
        open(place + "/tree/inner/kept", "w").close()
    return directories
def missing(*_):
    raise OSError(errno.ENOSYS, "no such call")
tree_module._remove_files = mount_then_return
if old:
    tree_module.open_in_mount = missing
try:
    tree_module.remove_tree("tree", os.open(place, os.O_RDONLY))
except OSError as error:
    print(error.errno == errno.EXDEV, error.strerror, os.listdir(place + "/tree/inner"))
"""


@pytest.fixture
def below(tmp_path: Path) -> Generator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def make_deep(name: str, dir_fd: int, depth: int = DEPTH) -> None:
    """Make directories within one another, each with a file."""
    fd = os.dup(dir_fd)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        inner = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
        os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    os.close(fd)


def test_the_depth_of_a_tree_costs_neither_stack_nor_descriptors(
    tmp_path: Path, below: int
) -> None:
    make_deep("deep", below)
    few = (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, few)
    try:
        remove_tree("deep", below)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert os.listdir(tmp_path) == []


def test_links_are_removed_and_what_they_lead_to_stays(tmp_path: Path, below: int) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    tree = tmp_path / "tree"
    for place in (tree, tree / "a", tree / "a" / "b", tree / "c"):
        place.mkdir()
        (place / "link").symlink_to(kept)
        (place / os.fsdecode(b"-odd \xff\nname")).touch()
    (tree / "c" / "dangling").symlink_to("nowhere")
    os.mkfifo(tree / "c" / "pipe")
    remove_tree("tree", below)
    assert sorted(os.listdir(tmp_path)) == ["kept"]
    assert os.listdir(kept) == ["file"]
    remove_tree("tree", below)  # what is missing is fine


def test_a_tree_without_permissions_is_opened_up(as_nobody: Unprivileged) -> None:
    tree = as_nobody.home / "tree"
    commands: tuple[list[str | Path], ...] = (
        ["mkdir", "-p", tree / "a/b"],
        ["touch", tree / "a/b/file"],
        ["chmod", "0", tree / "a/b"],
        ["chmod", "500", tree / "a", tree],
    )
    for command in commands:
        assert as_nobody.run(command).returncode == 0
    done = as_nobody.run([sys.executable, "-c", _REMOVE, as_nobody.home, "tree"])
    assert (done.returncode, done.stderr) == (0, "")
    assert not tree.exists()


def test_several_may_delete_one_tree_at_the_same_time(tmp_path: Path, below: int) -> None:
    for number in range(4):
        make_deep(f"d{number}", below, 150)
    os.mkdir(tmp_path / "tree")
    for number in range(4):
        os.rename(tmp_path / f"d{number}", tmp_path / "tree" / f"d{number}")
    removers = [
        subprocess.Popen([sys.executable, "-c", _REMOVE, tmp_path, "tree"]) for _ in range(3)
    ]
    assert [each.wait(60) for each in removers] == [0, 0, 0]
    assert os.listdir(tmp_path) == []


def _apart() -> list[str]:
    """Return the words that run a program where its mounts are nobody else's, or skip."""
    words = ["unshare", "--mount", "--propagation", "private"]
    tried = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")
    return words


@pytest.mark.parametrize(
    ("source", "old"),
    [("-t tmpfs none", False), ("-t tmpfs none", True), ("--bind {kept}", False)],
    ids=["filesystem", "filesystem, old kernel", "directory of the same filesystem"],
)
def test_what_is_mounted_after_the_listing_is_not_entered(
    tmp_path: Path, source: str, old: bool
) -> None:
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    words = [str(tmp_path), source.format(kept=tmp_path / "kept"), *(["old"] if old else [])]
    done = subprocess.run(
        [*_apart(), sys.executable, "-c", _REMOVE_UNDER_A_MOUNT, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True is a mount point ['kept']\n", "")
