"""Run the adversaries and print, or write, the table of survivors of docs/supervision.md.

    python scripts/adversary_table.py [--write]

Takes some minutes, and root for a cgroup. Exit status 1 when more survived than
the documented limit; the page is then left as it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.adversaries.run import run_cases, why_not
from support.adversaries.table import render, table_cases, write


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--write", action="store_true", help="put it into the page")
    options = parser.parse_args()
    cases = [case for case in table_cases() if not why_not(case.place)]
    # Not below /tmp: that of a system can be too small, or cleaned meanwhile.
    scratch = Path(tempfile.mkdtemp(prefix="codexlab-adversaries-", dir="/var/tmp"))
    scratch.chmod(0o755)
    try:
        found = run_cases(cases, scratch, {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"})
    finally:
        shutil.rmtree(scratch)
    survivors = {case: len(result["survivors"]) for case, result in found.items()}
    table = render(survivors)
    print(table, end="")
    beyond = [case for case, left in survivors.items() if left > case.limit]
    for case in beyond:
        print(f"beyond its limit: {case}: {found[case]['survivors']}", file=sys.stderr)
    if options.write and not beyond:
        write(table)
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
