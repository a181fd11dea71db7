"""Files are read, and trees walked, by the kernel's careful helpers, or there is a reason not to.

An agent may have put a fifo, a device, 60 GB or a link where a file of ours or of the user's was,
and directories deeper than a stack. A new read that forgets this fails here, by name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from support.product import modules, name_of

Function = ast.FunctionDef | ast.AsyncFunctionDef

# What may stay, and why. A place that needs no entry: a constant path below /proc, /sys or /dev,
# a directory, a file made anew, a file opened for writing alone, or a descriptor.
ALLOWED = {
    "kernel/cgroup/leaf.py::_numbers": "the kernel's own files of a cgroup",
    "kernel/cgroup/leaf.py::_open": "the kernel's own files of a cgroup",
    "kernel/cgroup/leaf.py::_read": "the kernel's own files in /proc/self",
    "kernel/cgroup/leaf.py::is_populated": "the kernel's own files of a cgroup",
    "kernel/cgroup/leaf.py::wait_unpopulated": "the kernel's own files of a cgroup",
    "kernel/cgroup/frozen_leaf.py::_wait_frozen": "the kernel's own files of a cgroup",
    "guardian/ending/last_resort.py::_open": "the kernel's own files of a cgroup"
    " and of our children",
    "kernel/cgroup/limits.py::read_counter": "the kernel's own files of a cgroup",
    "kernel/process/oom_score.py::_open_own": "the kernel's own file in /proc/self",
    "kernel/files/flock.py::open_lock_file": "only locked, and checked to be a regular file",
    "kernel/files/home_owner.py::give_named": "only given away, never read,"
    " and nobody is waited for",
    "kernel/files/home_owner.py::give_to_owner_above": "only given away, never read",
    "kernel/files/small_file.py::read_small_file": "a pipe the user named:"
    " read to its writer's end",
    "kernel/toml.py::parse_toml": "a text that was read; too deep a one is caught there",
    "kernel/errands/stuck_git.py::_read": "the kernel's own files of a process",
    "kernel/errands/stuck_git.py::_text_at": "the memory of a git of ours, one page",
    "kernel/files/tree.py::_enter": "a directory: its callers' flags say so",
    "workspace/codex_home/shared_files.py::_append_missing": "checked to be regular,"
    " and read to a limit",
    "workspace/codex_home/shared_files.py::_locked": "only locked, never read,"
    " and nobody is waited for",
    "workspace/git/submodules.py::_work_in": "submodules in submodules, counted",
    "workspace/unique_work/of_the_users.py::_Look._first_in": "at most 32 deep and 10,000 names",
    "workspace/gc/trash.py::_open_lock": "only locked, never read, and no link",
    "workspace/records/small_object.py::_read": "read to a limit, for thousands of workspaces",
    "supervisor/guardian_client/inherited.py::_read": "the kernel's own files in /proc/self",
    "supervisor/output/log.py::BoundedFile._open": "written, and its end read back without waiting",
    "supervisor/output/stdin.py::_open_file": "the user's own --stdin,"
    " which may be a pipe to wait for",
    "supervisor/terminal/user_terminal.py::UserTerminal._stop_job": "the end of a pipe of ours",
    "env/rustc_host.py::_read": "the kernel's own files in /proc and /sys",
    "env/targets/building.py::_is_locked": "only locked, never read, and nobody is waited for",
    "rollout/compression/candidate.py::open_candidate": "checked to be regular,"
    " with the reason for people",
    "rollout/reading/heads.py::HeadReader.read": "one read of a page, of thousands of rollouts",
    "rollout/store/directory_owner.py::open_shared": "a new file or a lock, and no link",
    "rollout/reconcile/recover.py::_discard_unlocked": "only locked, never read,"
    " and nobody is waited for",
    "rollout/reading/snapshot.py::_open_file": "checked to be regular, with an error of its own",
    "rollout/locks/thread.py::Coordination.is_writer_active": "only locked, never read",
}

_READS = {"read_text", "read_bytes"}
_WALKS = {"os.walk", "os.fwalk", "shutil.rmtree", "shutil.copytree"}
_PARSES = {"json.load", "tomllib.load", "tomllib.loads"}
_LISTS = {"scandir", "listdir", "iterdir"}
_OURS = ("/proc/", "/sys/", "/dev/")
_HARMLESS = ("DIRECTORY", "O_EXCL", "O_PATH", "O_WRONLY")


def functions(tree: ast.AST, above: str = "") -> Iterator[tuple[str, Function]]:
    """Yield every function with its name behind those of what it is in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{above}.{node.name}".lstrip(".")
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from functions(node, name)
        else:
            yield from functions(node, above)


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls in a function, those in the functions inside it aside."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from calls(child)


def is_careless(call: ast.Call, flags: dict[str, str]) -> bool:
    """Tell whether a call reads a file or walks a tree, whatever may be there."""
    name = ast.unparse(call.func)
    if name in _WALKS | _PARSES or name.endswith(".rglob"):
        return True
    if name.split(".")[-1] in _READS and "." in name:
        return not any(f"Path({quote}{place}" in name for place in _OURS for quote in ("'", "f'"))
    if name in ("open", "io.open") or (name.endswith(".open") and name != "os.open"):
        return not _is_harmless_path(call) and not _is_for_writing(call)
    if name == "os.open":
        words = " ".join(map(ast.unparse, call.args[1:]))
        for known, text in flags.items():
            words += f" {text}" if known in words.split() else ""
        return not _is_harmless_path(call) and not any(flag in words for flag in _HARMLESS)
    return False


def _is_for_writing(call: ast.Call) -> bool:
    mode = call.args[1] if len(call.args) > 1 else None
    return isinstance(mode, ast.Constant) and str(mode.value).startswith(("w", "x", "a"))


def _is_harmless_path(call: ast.Call) -> bool:
    """Tell whether a file is the kernel's, or open already."""
    path = call.args[0] if call.args else None
    text = "" if path is None else ast.unparse(path)
    if isinstance(path, ast.JoinedStr) and isinstance(path.values[0], ast.Constant):
        return str(path.values[0].value).startswith(_OURS)
    if isinstance(path, ast.Constant):
        return str(path.value).startswith(_OURS)
    return text == "os.devnull" or text.endswith("fd") or text.startswith("open_regular(")


def assigned(tree: ast.AST) -> dict[str, str]:
    """Return what a module's names stand for, as text."""
    return {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
    }


def walkers(found: dict[str, Function]) -> set[str]:
    """Return the functions that come back to themselves and list directories on the way."""
    reach = {
        name: {
            other
            for call in calls(node)
            for other in found
            if ast.unparse(call.func).removeprefix("self.") == other.split(".")[-1]
        }
        for name, node in found.items()
    }
    lists = {
        name
        for name, node in found.items()
        if any(ast.unparse(call.func).split(".")[-1] in _LISTS for call in calls(node))
    }
    return {name for name in lists if name in _reachable(name, reach)}


def _reachable(name: str, reach: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [*reach[name]]
    while waiting:
        if (other := waiting.pop()) not in seen:
            seen.add(other)
            waiting += reach[other]
    return seen


def careless_in(source: str) -> set[str]:
    """Return the names of the functions in a module that read or walk without care."""
    tree = ast.parse(source)
    found, flags = dict(functions(tree)), assigned(tree)
    named = {
        name
        for name, node in found.items()
        if any(is_careless(call, flags | assigned(node)) for call in calls(node))
    }
    outside = any(is_careless(call, flags) for call in calls(tree))
    return named | walkers(found) | ({"<module>"} if outside else set())


def test_files_are_read_and_trees_walked_with_care_or_for_a_reason() -> None:
    found = {
        f"{name_of(path)}::{name}" for path in modules() for name in careless_in(path.read_text())
    }
    assert found - ALLOWED.keys() == set(), "use the kernel's open_regular, read_regular or walks"
    assert ALLOWED.keys() - found == set(), "these are gone: take them off the list"


def test_what_reads_without_care_is_found() -> None:
    careless = (
        "open(path)",
        "path.open()",
        "path.read_text()",
        "target.read_bytes()",
        "os.open(path, os.O_RDONLY)",
        "os.open(path, os.O_RDWR | os.O_CREAT)",
        "shutil.rmtree(path)",
        "[d for d in os.walk(path)]",
        "json.load(file)",
        "tomllib.load(file)",
        "[_f(entry) for entry in os.scandir(path)]",
        "[_g() for entry in os.listdir(path)]",
    )
    for text in careless:
        assert careless_in(f"def _g():\n    _f()\ndef _f():\n    {text}\n") == {"_f"}, text
    careful = (
        "open(fd)",
        "open('/proc/self/stat')",
        "open(f'/proc/{pid}/comm')",
        "open(path, 'wb')",
        "os.open(path, flags)",
        "read_regular(path)",
    )
    for text in careful:
        source = f"flags = os.O_WRONLY | os.O_EXCL\ndef _f():\n    {text}\n"
        assert careless_in(source) == set(), text
