"""In codex's home a name of codex's or of the user's hides no content that exists only there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.lab import Lab
from support.workspace.unique_work import PLAIN, collected, only_here, work, workspace

# What is tried here is the disk: the same for each Python.
pytestmark = pytest.mark.one_python

IN_PLACE = "cp {} ../codex-home/.t; mv ../codex-home/.t ../codex-home/{}"


def login(path: Path, account: str, month: int) -> Path:
    """Write a login as codex does, and return the path."""
    tokens = {"access_token": f"a{month}", "refresh_token": f"r{month}", "account_id": account}
    values = {"tokens": tokens, "last_refresh": f"2026-0{month}-01T00:00:00Z"}
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("account", ["mine", "another"])
def test_a_login_that_was_renewed_in_the_workspace_counts(
    account: str, lab: Lab, shared_home: Path, scratch: Path
) -> None:
    login(shared_home / "auth.json", "mine", 1)
    renewed = login(scratch / "renewed", account, 6)
    root = work(lab, IN_PLACE.format(renewed, "auth.json"), PLAIN)
    said = ["codex-home/auth.json, a login that only the workspace has"]
    assert only_here(lab) == said
    refused = workspace(lab, "remove", "1")
    assert (refused.returncode, "r6" in refused.stdout + refused.stderr) == (125, False)
    assert collected(lab)["findings"] == said
    assert (root / "codex-home/auth.json").read_bytes() == renewed.read_bytes()


@pytest.mark.parametrize("name", ["auth.json", ".credentials.json"])
def test_a_login_that_the_user_does_not_have_at_all_counts(
    name: str, lab: Lab, scratch: Path
) -> None:
    made = login(scratch / "made", "mine", 6)
    work(lab, IN_PLACE.format(made, name), PLAIN)
    assert only_here(lab) == [f"codex-home/{name}, a login that only the workspace has"]
    assert workspace(lab, "remove", "1").returncode == 125


@pytest.mark.parametrize("name", ["auth.json", ".credentials.json"])
def test_a_login_that_the_user_has_as_well_keeps_nothing(
    name: str, lab: Lab, shared_home: Path
) -> None:
    own = login(shared_home / name, "mine", 1)
    root = work(lab, IN_PLACE.format(own, name), PLAIN)
    assert not (root / "codex-home" / name).samefile(own)
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0


def test_logins_of_servers_that_the_user_has_logged_out_of_keep_nothing(
    lab: Lab, shared_home: Path
) -> None:
    own = login(shared_home / ".credentials.json", "mine", 1)
    root = work(lab, "true", PLAIN)
    own.unlink()
    assert (root / "codex-home/.credentials.json").is_file()
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0


MADE = (
    *("AGENTS.md", "AGENTS.override.md", "instructions.md", "hooks.json", ".env"),
    *("environments.toml", "agents/a/b", "hooks/h", "pets/p", "prompts/mine.md"),
    *("rules/mine.rules", "skills/mine/SKILL.md", "themes/t", "worktrees/x/notes"),
)


def test_what_codex_only_reads_counts_where_the_user_has_nothing_of_that_name(lab: Lab) -> None:
    script = "cd ../codex-home; for f in {}; do mkdir -p $(dirname $f); echo x > $f; done"
    root = work(lab, script.format(" ".join(MADE)), PLAIN)
    assert sorted(only_here(lab)) == sorted(f"codex-home/{name}" for name in MADE)
    assert workspace(lab, "remove", "1").returncode == 125
    assert root.exists()


def test_forms_that_codex_does_not_give_such_names_count(lab: Lab) -> None:
    script = """
    cd ../codex-home; mkdir rules themes pets; echo '# mind the gap' > rules/default.rules
    mkfifo themes/pipe; echo x > prompts; mkdir -p pets/objects pets/refs; : > pets/HEAD
    echo x > pets/notes
    """
    work(lab, script, PLAIN)
    assert only_here(lab) == [
        "notes in its git directory in repository codex-home/pets",
        "codex-home/prompts",
        "codex-home/rules/default.rules",
        "codex-home/themes/pipe",
    ]
    assert workspace(lab, "remove", "1").returncode == 125


CHANGED = {
    "AGENTS.md": "rm AGENTS.md; echo changed > AGENTS.md",
    "p.config.toml": "rm p.config.toml; echo 'a = 2' > p.config.toml",
    "prompts/users.md": "rm prompts; mkdir prompts; echo changed > prompts/users.md",
}


@pytest.mark.parametrize("where", CHANGED)
def test_a_file_that_took_the_place_of_a_link_counts_by_its_content(
    where: str, lab: Lab, shared_home: Path
) -> None:
    (shared_home / "prompts").mkdir()
    for name in CHANGED:
        (shared_home / name).write_text("a = 1\n")
    work(lab, f"cd ../codex-home; {CHANGED[where]}", PLAIN)
    assert only_here(lab) == [f"codex-home/{where}"]
    assert workspace(lab, "remove", "1").returncode == 125


COPIED = """
cd ../codex-home; cp AGENTS.md .t; mv .t AGENTS.md; cp -r prompts/ .t; rm prompts; mv .t prompts
mkdir -p agents/empty; : > .env; ln -s /etc/passwd hooks.json
mkdir rules; echo 'prefix_rule(pattern=["git", "push"], decision="allow")' > rules/default.rules
"""


def test_copies_of_the_users_files_links_and_what_codex_writes_keep_nothing(
    lab: Lab, shared_home: Path
) -> None:
    (shared_home / "prompts").mkdir()
    (shared_home / "prompts/users.md").write_text("x")
    (shared_home / "AGENTS.md").write_text("x")
    root = work(lab, COPIED, PLAIN)
    assert (root / "codex-home/AGENTS.md").is_symlink() is False
    assert (root / "codex-home/prompts").is_symlink() is False
    assert only_here(lab) == []
    assert workspace(lab, "remove", "1").returncode == 0


@pytest.mark.parametrize(
    "many", ["seq 12000 | xargs touch", "mkdir -p $(printf 'd/%.0s' $(seq 60))"]
)
def test_more_than_can_be_looked_at_counts(many: str, lab: Lab) -> None:
    work(lab, f"mkdir ../codex-home/prompts; cd ../codex-home/prompts; {many}", PLAIN)
    (line,) = only_here(lab)
    assert line.startswith("codex-home/prompts/")
