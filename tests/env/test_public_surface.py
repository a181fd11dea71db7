"""What the packages offer is what they say, and importing them costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ("codexlab.env", "codexlab.env.artifacts", "codexlab.env.targets")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_the_list_is_sorted(package: str) -> None:
    module = import_module(package)
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = module.nonsense


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_none_of_its_modules(package: str) -> None:
    code = f"import sys, {package}; print([n for n in sys.modules if n.startswith('{package}._')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_launch_without_an_artifact_root_runs_no_process_and_loads_no_parser() -> None:
    code = (
        "import sys\n"
        "from codexlab.env import *\n"
        "root = open_artifact_root({})\n"
        "route = route_cargo(new_cargo_key('7'), 'agent', root, 'app', None)\n"
        "build_environment({'PATH': '/bin'}, EnvironmentPolicy('codex'), route.variables)\n"
        "known_secrets({}, {}), Masker([b'12345678']).feed(b'x')\n"
        "heavy = ('subprocess', 'tomllib', 'hashlib', 'pydantic', 'rich', 'click', 'shutil')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
