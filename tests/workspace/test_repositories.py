"""Repositories of every shape: by URL, bare, shallow, sparse, partial, with submodules."""

from __future__ import annotations

import base64
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codexlab.workspace import (
    Claim,
    GitFailed,
    Workdir,
    WorkdirRefused,
    WorkspaceKey,
    choose_workdir,
    claim_workspace,
    default_project,
    git_state,
    inspect_start,
    locate_workspace,
    prepare_workdir,
)
from codexlab.workspace.upkeep import remove_workspace

Git = Callable[..., str]
SECRET = "s3cretpassw0rd"


def prepare(claim: Claim, start: Path, **flags: object) -> Workdir:
    plan = choose_workdir(inspect_start(start), claim.paths, **flags)  # type: ignore[arg-type]
    return prepare_workdir(claim, plan)


@pytest.fixture
def origin(repo: Path, tmp_path: Path, git: Git) -> Path:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "origin.git")
    return tmp_path / "origin.git"


class _Backend(http.server.BaseHTTPRequestHandler):
    """git's own smart protocol over HTTP, behind a password."""

    root: str

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def answer(self, body: bytes) -> None:
        wanted = "Basic " + base64.b64encode(f"joe:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        environ = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": self.root,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=environ, capture_output=True, check=True
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def served(origin: Path) -> Iterator[str]:
    """Serve the origin on loopback; the URL carries the password."""
    handler = type("Backend", (_Backend,), {"root": str(origin.parent)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://joe:{SECRET}@127.0.0.1:{server.server_port}/{origin.name}"
        server.shutdown()
        thread.join()


def test_a_url_is_fetched_into_a_cache_and_worked_on_beside_its_branches(
    claim: Claim, origin: Path, tmp_path: Path, git: Git
) -> None:
    workdir = prepare(claim, tmp_path, repo=f"file://{origin}")
    assert workdir.kind == "worktree"
    assert workdir.branch == "codexlab/123/codex"
    assert workdir.head == git(origin, "rev-parse", "main")
    assert git(workdir.path, "branch", "--remotes") == "origin/HEAD -> origin/main\n  origin/main"
    git(workdir.path, "commit", "-q", "--allow-empty", "-m", "work")
    git(workdir.path, "push", "-q", "origin", "HEAD")
    assert "codexlab/123/codex" in git(origin, "branch")


def test_the_second_task_fetches_nothing_and_the_next_issue_starts_from_today(
    claim: Claim, origin: Path, repo: Path, root: Path, tmp_path: Path, git: Git
) -> None:
    url = f"file://{origin}"
    first = prepare(claim, tmp_path, repo=url)
    (repo / "later.txt").write_text("x")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "later")
    git(repo, "push", "-q", str(origin), "main")
    assert prepare(claim, tmp_path, repo=url).head == first.head
    assert git(first.path, "rev-parse", "origin/main") == first.head
    key = WorkspaceKey("shop", "124", "codex")
    other = claim_workspace(locate_workspace(root, key), key)
    assert prepare(other, tmp_path, repo=url).head == git(repo, "rev-parse", "HEAD")
    other.release()


def test_base_names_a_branch_of_the_remote_or_a_commit(
    claim: Claim, origin: Path, tmp_path: Path, git: Git
) -> None:
    git(origin, "branch", "release", "main")
    assert prepare(claim, tmp_path, repo=f"file://{origin}", base="release").created


def test_a_base_the_remote_does_not_have_is_one_line(
    claim: Claim, origin: Path, tmp_path: Path
) -> None:
    with pytest.raises(WorkdirRefused, match="--base nope: names no commit in file://"):
        prepare(claim, tmp_path, repo=f"file://{origin}", base="nope")


def test_a_remote_out_of_reach_uses_the_cache_and_says_so(
    claim: Claim, origin: Path, root: Path, tmp_path: Path
) -> None:
    url = f"file://{origin}"
    prepare(claim, tmp_path, repo=url)
    origin.rename(tmp_path / "away.git")
    key = WorkspaceKey("shop", "124", "codex")
    other = claim_workspace(locate_workspace(root, key), key)
    assert prepare(other, tmp_path, repo=url).created
    assert any("using what is cached" in note for note in other.notes)
    other.release()


def test_a_remote_that_was_never_reached_is_one_line(claim: Claim, tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="git fetch"):
        prepare(claim, tmp_path, repo=f"file://{tmp_path}/nowhere")
    assert not claim.paths.workdir.exists()


def test_a_password_reaches_the_server_and_nothing_else(
    claim: Claim, served: str, tmp_path: Path, scratch: Path
) -> None:
    plan = choose_workdir(inspect_start(tmp_path), claim.paths, repo=served)
    assert SECRET not in repr(plan)
    assert prepare_workdir(claim, plan).created
    for top in (claim.paths.base, scratch, Path(os.environ["HOME"])):
        for path in top.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert SECRET.encode() not in path.read_bytes(), path


def test_a_wrong_password_is_one_line_without_it(claim: Claim, served: str, tmp_path: Path) -> None:
    wrong = served.replace(SECRET, "guessed-wrongly")
    with pytest.raises(GitFailed) as caught:
        prepare(claim, tmp_path, repo=wrong)
    assert "guessed-wrongly" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_url_and_its_clone_share_a_project(origin: Path, tmp_path: Path, git: Git) -> None:
    git(tmp_path, "clone", "-q", f"file://{origin}", "clone")
    start = inspect_start(tmp_path)
    assert default_project(start) == "default"
    expected = default_project(inspect_start(tmp_path / "clone"))
    assert default_project(start, f"file://{origin}") == expected
    assert default_project(start, str(tmp_path / "clone")) == expected


def test_a_path_chooses_another_repository(claim: Claim, repo: Path, tmp_path: Path) -> None:
    assert prepare(claim, tmp_path, repo=str(repo)).common_dir == repo / ".git"


def test_a_path_that_is_no_repository_is_one_line(claim: Claim, tmp_path: Path) -> None:
    with pytest.raises(WorkdirRefused, match="is no git repository"):
        prepare(claim, tmp_path, repo=str(tmp_path))


@pytest.mark.parametrize(
    "how", [["--bare"], ["--depth=1"], ["--filter=blob:none"], ["--sparse"]], ids=str
)
def test_a_clone_of_any_shape_gives_a_clean_worktree(
    how: list[str], claim: Claim, make_repo: Callable[..., Path], tmp_path: Path, git: Git
) -> None:
    source = make_repo(commits=3)
    (source / "deep").mkdir()
    (source / "deep/file").write_text("x")
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "deep")
    git(source, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", *how, f"file://{source}", "clone")
    workdir = prepare(claim, tmp_path / "clone")
    assert workdir.kind == "worktree"
    assert git(workdir.path, "status", "--porcelain") == ""
    assert (workdir.path / "file2.txt").read_text() == "2\n"


def test_submodules_stay_empty_with_a_note(
    claim: Claim, make_repo: Callable[..., Path], git: Git
) -> None:
    outer, inner = make_repo("outer"), make_repo("inner")
    git(outer, "submodule", "--quiet", "add", str(inner), "inner")
    git(outer, "commit", "-q", "-m", "inner")
    plan = choose_workdir(inspect_start(outer), claim.paths)
    assert plan.notes == ("submodules are not checked out in the new worktree",)
    workdir = prepare_workdir(claim, plan)
    assert list((workdir.path / "inner").iterdir()) == []
    state = git_state(workdir.path)
    assert state is not None
    assert not state.dirty


def test_large_file_pointers_without_the_filter_stay_pointers(
    claim: Claim, repo: Path, git: Git
) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    (repo / "big.bin").write_text(pointer)
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")
    workdir = prepare(claim, repo)
    assert (workdir.path / "big.bin").read_text() == pointer


def test_a_required_filter_that_is_missing_is_one_line_and_nothing_stays(
    claim: Claim, repo: Path, git: Git
) -> None:
    (repo / ".gitattributes").write_text("*.bin filter=gone\n")
    (repo / "big.bin").write_text("x")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")
    git(repo, "config", "filter.gone.smudge", "/no/such/program")
    git(repo, "config", "filter.gone.required", "true")
    refs = git(repo, "for-each-ref")
    with pytest.raises(GitFailed) as caught:
        prepare(claim, repo)
    assert "\n" not in str(caught.value)
    assert not claim.paths.workdir.exists()
    assert git(repo, "for-each-ref") == refs
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def large_file(repo: Path, git: Git) -> None:
    (repo / ".gitattributes").write_text("*.bin filter=lfs\n")
    (repo / "big.bin").write_text("pointer\n")
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")


def set_filter(git: Git, **values: str) -> None:
    """Write a filter into the user's own configuration, as ``git lfs install`` does."""
    for name, value in values.items():
        git(Path(os.environ["HOME"]), "config", "--global", f"filter.lfs.{name}", value)


def test_large_files_whose_program_is_not_installed_are_one_line_that_names_it(
    claim: Claim, repo: Path, git: Git
) -> None:
    large_file(repo, git)
    set_filter(git, process="no-git-lfs-here filter-process", required="true")
    with pytest.raises(GitFailed) as caught:
        prepare(claim, repo)
    assert "no-git-lfs-here: " in str(caught.value)
    assert "not found" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not claim.paths.workdir.exists()
    assert git(repo, "branch", "--list", "codexlab/*") == ""
    assert len(git(repo, "worktree", "list").splitlines()) == 1
    git(repo, "config", "--global", "--unset", "filter.lfs.process")
    set_filter(git, smudge="tr a-z A-Z", clean="tr A-Z a-z")
    assert (prepare(claim, repo).path / "big.bin").read_text() == "POINTER\n"


def test_large_files_that_cannot_be_fetched_are_one_line_that_says_why(
    claim: Claim, repo: Path, git: Git
) -> None:
    large_file(repo, git)
    complaint = "echo 'Error downloading object: big.bin' >&2; exit 2"
    set_filter(git, smudge=f'sh -c "{complaint}"', required="true")
    with pytest.raises(GitFailed, match=r"Error downloading object: big\.bin$"):
        prepare(claim, repo)


def test_large_files_of_a_private_remote_come_with_the_same_credentials(
    claim: Claim, served: str, origin: Path, repo: Path, tmp_path: Path, git: Git
) -> None:
    large_file(repo, git)
    git(repo, "push", "-q", str(origin), "main")
    set_filter(git, smudge="echo $GIT_CONFIG_KEY_0; cat")
    content = (prepare(claim, tmp_path, repo=served).path / "big.bin").read_text()
    assert content.startswith("http.http://127.0.0.1:")
    assert content.endswith(".extraHeader\npointer\n")


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_large_files_of_git_lfs_itself_arrive(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    git(repo, "lfs", "install", "--skip-repo")
    git(repo, "lfs", "track", "*.bin")
    (repo / "big.bin").write_bytes(os.urandom(5000))
    git(repo, "add", ".")
    git(repo, "commit", "-q", "-m", "big")
    for flags in ({}, {"repo": f"file://{repo}"}):
        workdir = prepare(claim, repo, **flags)
        assert (workdir.path / "big.bin").read_bytes() == (repo / "big.bin").read_bytes()
        state = git_state(workdir.path)
        assert state is not None
        assert not state.dirty
        claim.release()
        remove_workspace(claim.paths, claim.key)
        claim = claim_workspace(claim.paths, claim.key)
    claim.release()


def test_worktrees_that_are_elsewhere_or_gone_are_left_alone(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    git(repo, "worktree", "add", "-q", str(tmp_path / "unplugged/side"))
    (tmp_path / "unplugged").rename(tmp_path / "away")
    prepare(claim, repo)
    (tmp_path / "away").rename(tmp_path / "unplugged")
    assert git(tmp_path / "unplugged/side", "status", "--porcelain") == ""


def test_a_repository_of_another_reference_format_works(
    claim: Claim, tmp_path: Path, git: Git
) -> None:
    done = subprocess.run(
        ["git", "init", "-q", "--ref-format=reftable", str(tmp_path / "new")],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip("this git knows no reftable")
    git(tmp_path / "new", "commit", "-q", "--allow-empty", "-m", "x")
    assert prepare(claim, tmp_path / "new").branch == "codexlab/123/codex"


def test_a_repository_that_moved_goes_on_once_repaired(
    claim: Claim, repo: Path, tmp_path: Path, git: Git
) -> None:
    workdir = prepare(claim, repo).path
    moved = repo.rename(tmp_path / "moved")
    with pytest.raises(WorkdirRefused, match="git worktree repair"):
        prepare(claim, moved)
    git(moved, "worktree", "repair", str(workdir))
    assert prepare(claim, moved).common_dir == moved / ".git"
    assert prepare(claim, tmp_path).common_dir == moved / ".git"


def test_a_workspaces_root_behind_a_link_works_like_any_other(
    repo: Path, tmp_path: Path, key: WorkspaceKey, git: Git
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "disk")
    paths = locate_workspace(tmp_path / "linked", key)
    held = claim_workspace(paths, key)
    prepare(held, repo)
    assert not prepare(held, repo).created
    shutil.rmtree(paths.workdir)
    assert prepare(held, repo).created
    held.release()
    remove_workspace(paths, key)
    assert len(git(repo, "worktree", "list").splitlines()) == 1


def test_the_user_may_delete_the_whole_workspace_by_hand(
    claim: Claim, root: Path, repo: Path, git: Git
) -> None:
    git(prepare(claim, repo).path, "commit", "-q", "--allow-empty", "-m", "work")
    claim.release()
    shutil.rmtree(root)
    again = claim_workspace(claim.paths, claim.key)
    workdir = prepare(again, repo)
    assert git(workdir.path, "log", "-1", "--format=%s") == "work"
    assert len(git(repo, "worktree", "list").splitlines()) == 2
    again.release()
