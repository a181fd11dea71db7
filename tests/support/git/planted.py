"""What an agent can leave behind so that git starts a program of its choice.

A program of its own: an agent that codexlab started runs it in its workdir, as
``python planted.py PLACE WITNESS``. Each planted program writes its name, and the
environment it was given, below WITNESS.

Where each way is described: git-config(1) unless another page is named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Setting, value, page of git's documentation. ``{p}`` is the planted program.
WAYS = (
    ("alias.status", "!{p}", "git-config(1)"),
    ("blame.ignoreRevsFile", "{p}", "git-config(1)"),
    ("browser.evil.cmd", "{p}", "git-web--browse(1)"),
    ("core.alternateRefsCommand", "{p}", "git-config(1)"),
    ("core.askPass", "{p}", "git-config(1)"),
    ("core.editor", "{p}", "git-config(1)"),
    ("core.fsmonitor", "{p}", "git-config(1)"),
    ("core.gitProxy", "{p}", "git-config(1)"),
    ("core.hooksPath", "{hooks}", "githooks(5)"),
    ("core.pager", "{p}", "git-config(1)"),
    ("core.sshCommand", "{p}", "git-config(1)"),
    ("credential.helper", "!{p}", "gitcredentials(7)"),
    ("diff.external", "{p}", "git-config(1)"),
    ("diff.evil.command", "{p}", "gitattributes(5)"),
    ("diff.evil.textconv", "{p}", "gitattributes(5)"),
    ("difftool.evil.cmd", "{p}", "git-difftool(1)"),
    ("extensions.partialClone", "evil", "partial-clone.txt"),
    ("fetch.recurseSubmodules", "true", "git-config(1)"),
    ("filter.evil.clean", "{p}", "gitattributes(5)"),
    ("filter.evil.process", "{p}", "gitattributes(5)"),
    ("filter.evil.required", "true", "gitattributes(5)"),
    ("filter.evil.smudge", "{p}", "gitattributes(5)"),
    ("filter.a=b.clean", "{p}", "gitattributes(5)"),
    ("filter.a=b.process", "{p}", "gitattributes(5)"),
    ("filter.a=b.smudge", "{p}", "gitattributes(5)"),
    ("gc.recentObjectsHook", "{p}", "git-config(1)"),
    ("gpg.program", "{p}", "git-config(1)"),
    ("gpg.ssh.defaultKeyCommand", "{p}", "git-config(1)"),
    ("gpg.ssh.program", "{p}", "git-config(1)"),
    ("gpg.x509.program", "{p}", "git-config(1)"),
    ("guitool.evil.cmd", "{p}", "git-gui(1)"),
    ("imap.tunnel", "{p}", "git-imap-send(1)"),
    ("init.templateDir", "{hooks}", "git-init(1)"),
    ("instaweb.httpd", "{p}", "git-instaweb(1)"),
    ("interactive.diffFilter", "{p}", "git-config(1)"),
    ("lfs.customtransfer.evil.path", "{p}", "git-lfs-config(5)"),
    ("lfs.extension.evil.clean", "{p}", "git-lfs-config(5)"),
    ("log.showSignature", "true", "git-config(1)"),
    ("man.evil.cmd", "{p}", "git-help(1)"),
    ("merge.evil.driver", "{p}", "gitattributes(5)"),
    ("mergetool.evil.cmd", "{p}", "git-mergetool(1)"),
    ("pager.status", "{p}", "git-config(1)"),
    ("pager.rev-list", "{p}", "git-config(1)"),
    ("protocol.allow", "always", "git-config(1)"),
    ("protocol.ext.allow", "always", "git-remote-ext(1)"),
    ("receive.procReceiveRefs", "refs", "git-config(1)"),
    ("remote.evil.promisor", "true", "partial-clone.txt"),
    ("remote.evil.receivepack", "{p}", "git-config(1)"),
    ("remote.evil.uploadpack", "{p}", "git-config(1)"),
    ("remote.evil.url", "ext::{p}", "git-remote-ext(1)"),
    ("remote.evil.vcs", "ext::{p}", "gitremote-helpers(7)"),
    ("remote.origin.uploadpack", "{p}", "git-config(1)"),
    ("sendemail.sendmailCmd", "{p}", "git-send-email(1)"),
    ("sendemail.toCmd", "{p}", "git-send-email(1)"),
    ("sequence.editor", "{p}", "git-config(1)"),
    ("status.submoduleSummary", "true", "git-config(1)"),
    ("submodule.recurse", "true", "git-config(1)"),
    ("submodule.sub.update", "!{p}", "gitmodules(5)"),
    ("tar.evil.command", "{p}", "git-archive(1)"),
    ("trailer.evil.cmd", "{p}", "git-interpret-trailers(1)"),
    ("trailer.evil.command", "{p}", "git-interpret-trailers(1)"),
    ("uploadpack.packObjectsHook", "{p}", "git-config(1)"),
    ("url.ext::{p}.insteadOf", "file:", "git-remote-ext(1)"),
    ("web.browser", "evil", "git-web--browse(1)"),
)
HOOKS = (
    *("applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit"),
    *("prepare-commit-msg", "commit-msg", "post-commit", "pre-rebase", "post-checkout"),
    *("post-merge", "pre-push", "pre-receive", "update", "proc-receive", "post-receive"),
    *("post-update", "reference-transaction", "push-to-checkout", "pre-auto-gc"),
    *("post-rewrite", "sendemail-validate", "fsmonitor-watchman", "post-index-change"),
)
# What is planted together: the places of one line do not hide one another.
GROUPS = (
    "common,worktree,include,path,submodule",
    "promisor,linked-config,deep-submodule",
    "commondir",
    "pointer",
)


WITNESS = Path(sys.argv[2] if len(sys.argv) > 2 else "witness")


def attributes(driver: str) -> str:
    """Return the attributes that put every file into a driver's hands."""
    return f"* filter={driver} diff={driver} merge={driver}\n*.txt filter={driver}=b\n"


def main(places: str, witness: Path) -> None:
    """Plant in the working directory, in the ways that ``places`` names."""
    witness.mkdir(exist_ok=True)
    top = Path.cwd()
    ways = {
        "common": _common,
        "worktree": _worktree,
        "include": _include,
        "linked-config": _linked_config,
        "submodule": _submodule,
        "deep-submodule": _deep_submodule,
        "commondir": _commondir,
        "pointer": _pointer,
        "promisor": _promisor,
        "path": _path,
    }
    found = _places()
    for place in places.split(","):
        ways[place](top, witness / "programs" / place, *found)
    (top / "README.md").write_text("changed\n")
    (top / ".gitattributes").write_text(attributes("evil"))
    (top / "a.txt").write_text("new\n")
    (witness / "planted").write_text(places)


def write_program(path: Path, name: str) -> Path:
    """Write a program that tells that it ran, with which environment, and copies its input."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not what PATH has: one of these programs is named cat.
    path.write_text(f'#!/bin/sh\n{{ echo "{name}"; env; }} >>"{WITNESS}/ran"\n/bin/cat\nexit 0\n')
    path.chmod(0o755)
    return path


def write_everything(config: Path, programs: Path, driver: str = "evil") -> None:
    """Append every way to a configuration file, and make the programs.

    :param driver: what attributes call it; another name for what lies within another place.
    """
    hooks = programs / "hooks"
    for hook in HOOKS:
        write_program(hooks / hook, f"{config.name} hook {hook}")
        write_program(hooks / "hooks" / hook, f"template hook {hook}")
    lines: list[str] = []
    for number, (key, value, _) in enumerate(WAYS):
        program = write_program(programs / f"p{number}", f"{config} {key}")
        said = value.replace("evil", driver).format(p=program, hooks=hooks)
        name = key.replace("evil", driver).replace("a=b", f"{driver}=b")
        section, _, rest = name.format(p=program).partition(".")
        below, _, name = rest.rpartition(".")
        head = f'[{section} "{below}"]' if below else f"[{section}]"
        lines += [head, f'\t{name} = "{said}"']
    with config.open("a") as file:
        file.write("\n".join([*lines, ""]))


# Found before anything is planted: what is planted stands in for git too.
_GIT = shutil.which("git") or "git"


def _ask(*arguments: str, where: Path | None = None) -> str:
    done = subprocess.run([_GIT, *arguments], check=True, capture_output=True, text=True, cwd=where)
    return done.stdout.strip()


def _places() -> tuple[Path, Path]:
    form = ("rev-parse", "--path-format=absolute")
    return Path(_ask(*form, "--git-dir")), Path(_ask(*form, "--git-common-dir"))


def _common(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    (common / "info").mkdir(exist_ok=True)
    (common / "info/attributes").write_text(attributes("evil"))
    for hook in HOOKS:
        write_program(common / "hooks" / hook, f"plain hook {hook}")
    write_everything(common / "config", programs)


def _worktree(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    with (common / "config").open("a") as file:
        file.write("[extensions]\n\tworktreeConfig = true\n")
    write_everything(git_dir / "config.worktree", programs)


def _include(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    write_everything(top / "one.cfg", programs / "one")
    write_everything(top / "two.cfg", programs / "two")
    with (common / "config").open("a") as file:
        file.write(f"[include]\n\tpath = {top}/one.cfg\n")
        file.write(f'[includeIf "gitdir:**"]\n\tpath = {top}/two.cfg\n')
        file.write(f"[core]\n\tattributesFile = {top}/.attributes\n")
    (top / ".attributes").write_text(attributes("evil"))


def _linked_config(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    """Put links where git expects files of its own."""
    elsewhere = top / ".elsewhere"
    elsewhere.write_bytes((common / "config").read_bytes())
    write_everything(elsewhere, programs)
    (common / "config").unlink()
    (common / "config").symlink_to(elsewhere)
    if not (git_dir / "hooks").exists():
        (git_dir / "hooks").symlink_to(programs / "hooks")


def _submodule(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    """Use the empty directory of a submodule, which the sandbox lets an agent write."""
    _repository(top / "sub", programs)


def _deep_submodule(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    """Put a clean repository there whose own submodule is the hostile one."""
    sub = top / "sub"
    _new_repository(sub)
    inner = _repository(sub / "inner", programs)
    _ask("update-index", "--add", "--cacheinfo", f"160000,{inner},inner", where=sub)
    _ask("commit", "-q", "-m", "inner", where=sub)


def _commondir(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    copy = top / ".copy"
    copy.mkdir()
    for name in ("objects", "refs", "info", "packed-refs"):
        (copy / name).symlink_to(common / name)
    (copy / "config").write_bytes((common / "config").read_bytes())
    write_everything(copy / "config", programs)
    (git_dir / "commondir").write_text(f"{copy}\n")


def _pointer(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    other = top / ".other"
    _repository(other, programs)
    marker = top / ".git"
    marker.rename(top / ".git-aside")
    marker.write_text(f"gitdir: {other}/.git\n")


def _promisor(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    """Lose a commit that only a hostile promisor is said to have."""
    for number in range(3):
        _ask("commit", "-q", "--allow-empty", "-m", f"commit {number}")
    lost = _ask("rev-parse", "HEAD^")
    (common / "objects" / lost[:2] / lost[2:]).unlink()
    write_everything(common / "config", programs)
    with (common / "config").open("a") as file:
        file.write("[core]\n\trepositoryformatversion = 1\n")


def _path(top: Path, programs: Path, git_dir: Path, common: Path) -> None:
    """Stand where a search path of the caller's leads."""
    for name in ("git", "git-lfs", "ssh", "sh", "cat", "git-status", "git-remote-ext"):
        for place in (top, top / "bin"):
            write_program(place / name, f"PATH {name}")


def _new_repository(place: Path) -> None:
    place.mkdir(exist_ok=True)
    _ask("init", "-q", where=place)
    for key, value in (("user.name", "agent"), ("user.email", "agent@localhost")):
        _ask("config", key, value, where=place)
    (place / "README.md").write_text("one\n")
    _ask("add", "README.md", where=place)
    _ask("commit", "-q", "-m", "one", where=place)


def _repository(place: Path, programs: Path) -> str:
    """Make a repository with a change whose configuration and attributes are hostile."""
    _new_repository(place)
    head = _ask("rev-parse", "HEAD", where=place)
    (place / "README.md").write_text("two\n")
    (place / ".gitattributes").write_text(attributes("inner"))
    (place / "a.txt").write_text("new\n")
    write_everything(place / ".git/config", programs, "inner")
    return head


if __name__ == "__main__":
    os.umask(0o022)
    main(sys.argv[1], Path(sys.argv[2]))
