"""The folders, the links, the build table and the spelling of imports agree."""

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.product import PACKAGES, ROOT, imported_by, modules, name_of

# Strangers embed these two; their ``__init__`` publishes the names that the docs promise.
FACADES = ("rollout/__init__.py", "supervisor/__init__.py")
# The two entry points, which load nothing before they know what they are.
ENTRY = "cli/__init__.py"
BUILD = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
MODULES = modules()
FOLDERS = sorted({path.parent for path in MODULES})
# Whose attributes are set from outside the object, in which module, and why.
BEING_MADE = "a class, or another object of the same class, that is being made"
C_CALL = "how a function of C is called"
PYTHON = "an object of Python's own, or of anyio, that is made to be set so"
STEPS = "a file on its way, on which the steps note how far it has come"
TALLY = "a tally of this module's own, to which its functions add"
SET_FROM_OUTSIDE = {
    "cli/launch/supervise.py": {"ctypes.util": PYTHON},
    "cli/ui/standard_streams.py": {"error": PYTHON, "sys": PYTHON},
    "kernel/cgroup/clone_into.py": {"libc.syscall": C_CALL},
    "kernel/lazy.py": {"sys.modules[package]": BEING_MADE},
    "kernel/values.py": {"kind": BEING_MADE, "made": BEING_MADE, "plain": BEING_MADE},
    "rollout/codec/encode.py": {"self._call": C_CALL},
    "rollout/compression/publish.py": {"prepared": STEPS},
    "rollout/maintenance/usage.py": {"usage": TALLY},
    "rollout/reconcile/pair.py": {"prepared": STEPS},
    "rollout/search/needle.py": {"function": C_CALL},
    "rollout/store/scan.py": {"tree": TALLY},
    "supervisor/run/attempt.py": {"hurry": PYTHON},
    "supervisor/terminal/modes.py": {"new": BEING_MADE},
    "workspace/codex_home/store_merge.py": {"merged": TALLY},
}

# Which files are longer than 250 lines, and why.
A_LAUNCH = "every launch loads it, and one more module would cost each launch 0.1 ms"
LONGER_FILES = {
    "guardian/children.py": A_LAUNCH,
    "guardian/main.py": A_LAUNCH,
    "guardian/protocol.py": A_LAUNCH,
    "kernel/containment/membership.py": A_LAUNCH,
    "kernel/errands/errand.py": A_LAUNCH,
    "supervisor/containment/ownership.py": A_LAUNCH,
    "supervisor/errors.py": A_LAUNCH,
    "supervisor/prepare/workspace.py": A_LAUNCH,
    "supervisor/settings/table.py": "a table; readers look up one row",
    "workspace/claim/claim.py": A_LAUNCH,
    "workspace/workdir/plan.py": A_LAUNCH,
}


def test_every_package_is_linked_into_the_import_root() -> None:
    for name in PACKAGES:
        assert os.readlink(ROOT / "src" / "codexlab" / name) == f"../../{name}"


def test_the_import_root_holds_nothing_else() -> None:
    held = {path.name for path in (ROOT / "src" / "codexlab").iterdir()} - {"__pycache__"}
    assert held == {*PACKAGES, "__init__.py", "py.typed"}


def test_wheel_and_sdist_carry_every_package() -> None:
    assert set(PACKAGES) <= set(BUILD["targets"]["wheel"]["only-include"])
    assert set(PACKAGES) <= set(BUILD["targets"]["sdist"]["only-include"])
    sources = BUILD["targets"]["wheel"]["sources"]
    assert sources == {
        **{name: f"codexlab/{name}" for name in PACKAGES},
        "src/codexlab": "codexlab",
    }


def test_env_is_not_ignored_by_git() -> None:
    patterns = (ROOT / ".gitignore").read_text().splitlines()
    assert not {"env", "env/", "/env", "/env/"} & set(patterns)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_a_folder_holds_no_more_than_a_reader_can_take_in(folder: Path) -> None:
    files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= 12
    assert (folder / "__init__.py").exists()


def test_a_file_is_no_longer_than_a_reader_takes_in_at_once() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name for name, count in lengths.items() if count > 250} == set(LONGER_FILES)
    assert max(lengths.values()) <= 400


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_the_init_of_a_folder_is_its_description(folder: Path) -> None:
    if name_of(folder / "__init__.py") in (*FACADES, ENTRY):
        return
    assert len(ast.parse((folder / "__init__.py").read_text()).body) == 1


def test_a_constructor_takes_five_arguments_at_most() -> None:
    wide: dict[str, int] = {}
    for path in MODULES:
        for made in ast.walk(ast.parse(path.read_text())):
            if isinstance(made, ast.ClassDef):
                for part in made.body:
                    if isinstance(part, ast.FunctionDef) and part.name == "__init__":
                        named = part.args
                        taken = [*named.posonlyargs, *named.args, *named.kwonlyargs][1:]
                        if len(taken) > 5:
                            wide[f"{name_of(path)}:{made.name}"] = len(taken)
    assert wide == {}


def test_each_exception_from_that_is_still_a_module() -> None:
    assert set(SET_FROM_OUTSIDE) <= {name_of(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_an_object_alone_sets_its_attributes(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert set(set_from_outside(tree)) == set(SET_FROM_OUTSIDE.get(name_of(path), {}))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_product_imports_itself_by_relative_names_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] not in {"codexlab", *PACKAGES}
        if isinstance(node, ast.Import):
            assert not {name.name.split(".")[0] for name in node.names} & {"codexlab", *PACKAGES}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_importers_name_the_defining_module(path: Path) -> None:
    for target in imported_by(path):
        assert target not in (ROOT / name for name in FACADES), target
        private = [part for part in target.relative_to(ROOT).parts if re.match(r"_[^_]", part)]
        assert not private or target.parent == path.parent, target


def test_no_import_leads_back_to_where_it_began() -> None:
    graph = {path: set(imported_by(path)) for path in MODULES}
    done: set[Path] = set()
    for start in MODULES:
        assert not find_circle(graph, start, (), done)


def test_an_import_in_a_program_text_names_what_there_is() -> None:
    # A new interpreter is told its program as a text, which no tool renames.
    spelled = re.compile(r"\b(?:from|import) (codexlab[\w.]*)(?: import (\w+))?")
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for module, name in spelled.findall(node.value):
                    assert find_spec(module), (path, module)
                    assert not name or name in Path(find_spec(module).origin).read_text()  # type: ignore[union-attr, arg-type]


def test_tests_import_the_product_by_its_installed_name() -> None:
    # From the root `import env` would work too, as a second module of the same file.
    spelled = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(PACKAGES)})\b", re.MULTILINE)
    for path in (ROOT / "tests").rglob("*.py"):
        assert not spelled.search(path.read_text()), path


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_of_tests_has_the_name_of_the_folder_it_tests(package: str) -> None:
    tests = ROOT / "tests" / package
    for path in tests.rglob("test_*.py"):
        folder = path.parent.relative_to(tests)
        assert (ROOT / package / folder).is_dir(), path


def set_from_outside(tree: ast.AST) -> Iterator[str]:
    """Yield the objects whose attributes a module assigns to, but ``self`` and ``cls``."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=owner, ctx=ast.Store() | ast.Del()):
                pass
            case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, *_]):
                pass
            case ast.Call(func=ast.Attribute(value=ast.Attribute(value=owner, attr="__dict__"))):
                pass
            case _:
                continue
        if ast.unparse(owner) not in ("self", "cls"):
            yield ast.unparse(owner)


def find_circle(
    graph: dict[Path, set[Path]], here: Path, above: tuple[Path, ...], done: set[Path]
) -> tuple[Path, ...]:
    """Return the modules of a circle, or nothing."""
    if here in above:
        return above[above.index(here) :]
    if here in done:
        return ()
    for target in sorted(graph.get(here, ())):
        if target != here and (circle := find_circle(graph, target, (*above, here), done)):
            return circle
    done.add(here)
    return ()
