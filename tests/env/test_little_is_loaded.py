"""A launch that needs little of the environment loads little."""

from __future__ import annotations

import subprocess
import sys


def test_a_launch_without_an_artifact_root_runs_no_process_and_loads_no_parser() -> None:
    code = (
        "import sys\n"
        "from codexlab.env.policy.values import EnvironmentPolicy\n"
        "from codexlab.env.secrets.mask import Masker\n"
        "from codexlab.env.policy.build import build_environment\n"
        "from codexlab.env.secrets.known import known_secrets\n"
        "from codexlab.env.cargo import CargoScope, new_cargo_key, route_cargo\n"
        "from codexlab.env.artifact_root import open_artifact_root\n"
        "root = open_artifact_root({})\n"
        "route = route_cargo(new_cargo_key('7'), CargoScope.AGENT, root, 'app', None)\n"
        "build_environment({'PATH': '/bin'}, EnvironmentPolicy('codex'), route.variables)\n"
        "known_secrets({}, {}), Masker([b'12345678']).feed(b'x')\n"
        "heavy = ('subprocess', 'tomllib', 'hashlib', 'pydantic', 'rich', 'click', 'shutil')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
