"""Variables that were true for the caller's terminal or toolchain are not the agent's."""

from __future__ import annotations

from support.lab import Lab
from support.terminal.person import typed

PLAIN = ["--issue", "1", "--no-repo", "--agent", "generic"]
SIZES = (
    "import os, shutil; a, b = shutil.get_terminal_size(), os.get_terminal_size();"
    " print('same' if a == b else (a, b))"
)


def test_at_a_terminal_the_callers_columns_and_lines_do_not_count(lab: Lab) -> None:
    lab.environ.update(COLUMNS="40", LINES="10")
    with typed(lab, PLAIN, ["python3", "-c", SIZES]) as run:
        run.screen.wait_for("same")
        assert run.wait_end() == 0


def test_without_a_terminal_they_pass(lab: Lab) -> None:
    lab.environ.update(COLUMNS="40", LINES="10")
    done = lab.run(PLAIN, ["sh", "-c", "echo $COLUMNS $LINES"])
    assert done.stdout == "40 10\n"


def test_an_author_known_by_the_environment_alone_can_commit(lab: Lab) -> None:
    for name in [name for name in lab.environ if name.startswith(("GIT_", "EMAIL"))]:
        del lab.environ[name]
    lab.environ.update(
        GIT_CONFIG_NOSYSTEM="1",
        GIT_AUTHOR_NAME="Ann", GIT_AUTHOR_EMAIL="ann@example.org",
        GIT_COMMITTER_NAME="Cid", GIT_COMMITTER_EMAIL="cid@example.org",
    )  # fmt: skip
    script = "echo 1 >new && git add new && git commit -qm work && git log -1 --format=%an,%cn"
    done = lab.run(["--issue", "1"], ["sh", "-c", script])
    assert (done.returncode, done.stdout) == (0, "Ann,Cid\n"), done.stderr
