"""Cleaning: only what is rebuildable, old and unused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.targets import EVERYTHING, OLD, age, clean, make_target, plan, snapshot, verdicts

from codexlab.env.artifact_root import ARTIFACT_ROOT_VARIABLE, open_artifact_root
from codexlab.env.artifacts.clean import CleanOptions, append_receipt, apply_clean, plan_clean
from codexlab.env.artifacts.repository import find_repository
from codexlab.env.artifacts.sizes import Deadline
from codexlab.env.targets.leases import lease_target
from codexlab.env.targets.prepare import prepare_target


def test_a_plan_removes_nothing(root: Path) -> None:
    target = make_target(root)
    before = snapshot(root)
    assert verdicts(plan(root, CleanOptions())) == {str(target): "remove"}
    assert snapshot(root) == before


def test_what_is_old_goes_with_its_empty_parents_and_what_is_young_stays(root: Path) -> None:
    old, young = make_target(root, "old"), make_target(root, "young", old=60)
    assert clean(root, CleanOptions()) == {str(old): "removed", str(young): "keep"}
    assert not (root / "local/app/worktrees/old").exists()
    assert young.is_dir()
    assert not list((root / "local/.codexlab/quarantine").iterdir())


def test_every_key_is_listed_with_its_owner_age_and_size(root: Path, scratch: Path) -> None:
    target = make_target(root)
    os.close(
        prepare_target(
            root, target, key="k-1", project="p", issue="7", repo="app", workdir=scratch, thread="t"
        )
    )
    (finding,) = plan(root, CleanOptions())
    receipt = finding.receipt()
    assert (receipt["project"], receipt["issue"], receipt["key"], receipt["thread"]) == (
        "p", "7", "k-1", "t",
    )  # fmt: skip
    assert finding.verdict == "keep"
    assert finding.size.allocated is not None
    assert finding.size.allocated >= 10_000
    assert finding.age is not None
    assert finding.age < 60


def test_a_leased_target_stays_even_when_everything_may_go(root: Path) -> None:
    target = make_target(root)
    lease = lease_target(root, target)
    assert clean(root, EVERYTHING) == {str(target): "in use"}
    assert target.is_dir()
    os.close(lease)
    assert clean(root, EVERYTHING) == {str(target): "removed"}


def test_a_lease_taken_after_the_plan_is_respected(root: Path) -> None:
    target = make_target(root)
    findings = plan(root, EVERYTHING)
    lease = lease_target(root, target)
    assert verdicts(apply_clean(findings, EVERYTHING, lambda _: None)) == {str(target): "in use"}
    assert target.is_dir()
    os.close(lease)


def test_a_use_after_the_plan_is_noticed(root: Path, scratch: Path) -> None:
    target = make_target(root)
    findings = plan(root, CleanOptions())
    os.close(
        prepare_target(root, target, key="k", project="p", issue="7", repo="app", workdir=scratch)
    )
    age(target)
    after = apply_clean(findings, CleanOptions(), lambda _: None)
    assert verdicts(after) == {str(target): "in use"}
    assert target.is_dir()


def test_a_target_in_which_cargo_builds_without_a_lease_stays(root: Path) -> None:
    target = make_target(root)
    script = (
        "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.flock(f,2); print(flush=True); input()"
    )
    lock = target / "debug" / ".cargo-lock"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as builder:
        assert builder.stdout is not None
        assert builder.stdin is not None
        builder.stdout.readline()
        assert clean(root, EVERYTHING) == {str(target): "in use"}
        builder.stdin.close()
    assert clean(root, EVERYTHING) == {str(target): "removed"}


def test_an_age_that_was_not_found_out_in_time_keeps(root: Path) -> None:
    target = make_target(root)
    findings = plan_clean(root, None, CleanOptions(), Deadline(0))
    assert verdicts(findings) == {str(target): "keep"}
    assert "in time" in findings[0].reason


def test_a_time_in_the_future_keeps(root: Path) -> None:
    target = make_target(root, old=-3600)
    assert clean(root, CleanOptions()) == {str(target): "keep"}


@pytest.mark.parametrize("category", ["cargo", "exec-harness", "temp", "worktree"])
def test_each_keep_flag_keeps_exactly_its_category(
    root: Path, source_repo: Path, category: str
) -> None:
    places = {
        "cargo": make_target(root, repo="sample-" + "0" * 12),
        "exec-harness": root / "local/app/exec-harness/output",
        "temp": root / "local/codex-lab/tmp/u0",
        "worktree": source_repo / ".tmp/codex-exec-harness",
    }
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    keep = CleanOptions(0, frozenset([category]), every_repository=True)  # type: ignore[list-item]
    clean(root, keep, source_repo)
    assert {name for name, place in places.items() if place.exists()} == {category}


def test_package_caches_bazel_and_runners_are_never_candidates(root: Path) -> None:
    kept = ["pnpm-store", "npm-cache", "sccache", "bazel/disk-cache", "bazel/output-base/x"]
    places = [root / "local/codex-lab" / name for name in kept]
    places += [root / "github-actions" / name for name in ("runners/a", "cache", "tmp")]
    places.append(root / "local/stray")
    for place in places:
        place.mkdir(parents=True)
    assert clean(root, EVERYTHING) == {}
    assert all(place.is_dir() for place in places)


def test_only_this_repository_is_cleaned_unless_all_is_asked_for(
    root: Path, source_repo: Path
) -> None:
    repository = find_repository(source_repo)
    assert repository is not None
    mine, other = make_target(root, repo=repository.name), make_target(root, repo="other")
    assert clean(root, CleanOptions(0), source_repo) == {str(mine): "removed"}
    assert other.is_dir()
    assert clean(root, EVERYTHING, source_repo) == {str(other): "removed"}


def test_build_output_in_the_checkout_goes_only_when_cargo_made_it(
    root: Path, source_repo: Path
) -> None:
    target, foreign = source_repo / "target", source_repo / "codex-rs/target"
    for place in (target, foreign):
        (place / "debug").mkdir(parents=True)
    (target / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert clean(root, EVERYTHING, source_repo) == {str(target): "removed"}
    assert foreign.is_dir()
    assert not (source_repo / ".git/codexlab-quarantine").exists() or not list(
        (source_repo / ".git/codexlab-quarantine").iterdir()
    )


CRASHING = """
import os, sys
from pathlib import Path
from codexlab.env.artifacts.clean import CleanOptions, apply_clean, plan_clean
from codexlab.env.artifacts.sizes import Deadline
from codexlab.env.artifacts import clean as clean_module, quarantine as quarantine_module
def die(*args, **kwargs):
    os.kill(os.getpid(), 9)
step, root = sys.argv[1], Path(sys.argv[2])
module, name = {
    "lease": (clean_module, "cargo_builds_in"), "rename": (quarantine_module, "rename_noreplace"),
    "moved": (clean_module, "forget_owner"), "forgot": (clean_module, "drop_lease_file"),
    "unleased": (clean_module, "remove_empty_parents"),
    "delete": (quarantine_module, "remove_tree"),
}[step]
options = CleanOptions(older_than=0, every_repository=True)
findings = plan_clean(root, None, options, Deadline(30))
setattr(module, name, die)
apply_clean(findings, options, lambda receipt: None)
"""


@pytest.mark.parametrize("step", ["lease", "rename", "moved", "forgot", "unleased", "delete"])
def test_a_kill_at_any_step_leaves_all_or_nothing_and_the_next_cleanup_finishes(
    root: Path, step: str
) -> None:
    target = make_target(root)
    whole = snapshot(target)
    done = subprocess.run([sys.executable, "-c", CRASHING, step, str(root)], check=False)
    assert done.returncode == -signal.SIGKILL
    if target.exists():
        assert snapshot(target) == whole
    assert target.exists() == (step in ("lease", "rename"))
    after = clean(root, EVERYTHING)
    assert set(after.values()) == {"removed"}
    assert not target.exists()
    assert list((root / "local/.codexlab/quarantine").iterdir()) == []
    assert plan(root, EVERYTHING) == []


def test_two_cleanups_at_once_remove_each_target_once(root: Path) -> None:
    targets = [make_target(root, f"k-{number}") for number in range(12)]
    script = CRASHING.split("step, root")[0] + (
        "root = Path(sys.argv[1]); options = CleanOptions(0, every_repository=True)\n"
        "print([str(f.verdict) for f in apply_clean("
        "plan_clean(root, None, options, Deadline(30)), options, lambda r: None)])\n"
    )
    command = [sys.executable, "-c", script, str(root)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in running:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        assert "refused" not in output
    assert not any(target.exists() for target in targets)


@pytest.mark.parametrize("step", range(8))
def test_a_target_that_goes_while_it_is_judged_is_gone_and_no_error(
    root: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    target = make_target(root)
    looks = 0

    def scandir(path: str | Path) -> object:
        nonlocal looks
        looks += str(path).startswith(str(target))
        if looks > step and target.exists():
            target.rename(root / "taken")
        return real(path)

    real = os.scandir
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scandir)
        findings = plan_clean(root, None, EVERYTHING, Deadline(30))
    assert set(verdicts(apply_clean(findings, EVERYTHING, lambda _: None)).values()) <= {"removed"}


def test_a_volume_that_goes_away_during_a_run_is_refused_not_recreated(
    mount_volume: Callable[..., Path],
) -> None:
    volume = mount_volume()
    target = make_target(volume)
    root = open_artifact_root({ARTIFACT_ROOT_VARIABLE: str(volume)})
    findings = plan_clean(root, None, EVERYTHING, Deadline(30))
    assert verdicts(findings) == {str(target): "remove"}
    subprocess.run(["umount", str(volume)], check=True)
    assert verdicts(apply_clean(findings, EVERYTHING, lambda _: None)) == {str(target): "refused"}
    assert list(volume.iterdir()) == []


def test_a_full_volume_can_still_be_cleaned(mount_volume: Callable[..., Path]) -> None:
    volume = mount_volume()
    target = make_target(volume)
    (target / "filler").write_bytes(b"")
    with pytest.raises(OSError, match="No space left"):
        (target / "filler").write_bytes(bytes(64 << 20))
    assert clean(volume, EVERYTHING) == {str(target): "removed"}
    assert os.statvfs(volume).f_bavail > 0


def test_receipts_are_lines_of_json_in_a_private_file(root: Path, scratch: Path) -> None:
    make_target(root)
    receipts = scratch / "state" / "receipts.ndjson"
    apply_clean(
        plan(root, EVERYTHING), EVERYTHING, lambda receipt: append_receipt(receipts, receipt)
    )
    (line,) = map(json.loads, receipts.read_text().splitlines())
    assert line["verdict"] == "removed"
    assert line["category"] == "cargo"
    assert line["bytes"] >= 10_000
    assert receipts.stat().st_mode & 0o777 == 0o600


def test_an_unprivileged_user_cannot_be_led_astray(root: Path, as_nobody: object) -> None:
    from support.users.unprivileged import Unprivileged, give

    assert isinstance(as_nobody, Unprivileged)
    target = make_target(root)
    for place in [root, *root.rglob("*")]:
        give(place)
    script = CRASHING.split("step, root")[0] + (
        "root = Path(sys.argv[1]); options = CleanOptions(0, every_repository=True)\n"
        "print([str(f.verdict) for f in apply_clean("
        "plan_clean(root, None, options, Deadline(30)), options, lambda r: None)])\n"
    )
    os.chmod(target.parent, 0o500)
    done = as_nobody.run([sys.executable, "-c", script, str(root)])
    assert done.stdout == "['refused']\n", done.stderr
    os.chmod(target.parent, 0o700)
    done = as_nobody.run([sys.executable, "-c", script, str(root)])
    assert done.stdout == "['removed']\n", done.stderr


def test_places_that_variables_name_outside_the_root_are_never_candidates(
    root: Path, scratch: Path, source_repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = scratch / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"1")
    for name in ("CARGO_TARGET_DIR", "CODEX_EXEC_HARNESS_OUTPUT_ROOT"):
        for path in (outside, root / "local" / ".." / ".." / "outside"):
            monkeypatch.setenv(name, str(path))
            assert clean(root, EVERYTHING, source_repo) == {}
    assert (outside / "kept").is_file()


def test_the_target_of_a_workdir_that_is_gone_goes_when_it_is_old(
    root: Path, scratch: Path
) -> None:
    target, workdir = make_target(root), scratch / "workdir"
    workdir.mkdir()
    os.close(
        prepare_target(root, target, key="k", project="p", issue="7", repo="app", workdir=workdir)
    )
    workdir.rmdir()
    assert clean(root, CleanOptions()) == {str(target): "keep"}
    age(target)
    (entry,) = (root / "local/.codexlab/index").iterdir()
    document = json.loads(entry.read_bytes())
    entry.write_text(json.dumps({**document, "last_used": time.time() - OLD}))
    assert clean(root, CleanOptions()) == {str(target): "removed"}
    assert not entry.exists()


def test_a_directory_made_anew_at_the_same_place_is_not_the_one_that_was_judged(
    root: Path,
) -> None:
    target = make_target(root)
    findings = plan(root, CleanOptions())
    shutil.rmtree(target)
    make_target(root, old=0)
    assert verdicts(apply_clean(findings, CleanOptions(), lambda _: None)) == {
        str(target): "in use"
    }
    assert target.is_dir()
