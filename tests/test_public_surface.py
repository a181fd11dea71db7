"""What the two packages that strangers embed publish is sorted, there, and free to import."""

import subprocess
import sys
from importlib import import_module

import pytest

FACADES = ("rollout", "supervisor")


@pytest.mark.parametrize("name", FACADES)
def test_all_names_exist(name: str) -> None:
    package = import_module(f"codexlab.{name}")
    assert package.__all__
    for public in package.__all__:
        assert getattr(package, public) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense


@pytest.mark.parametrize("name", FACADES)
def test_all_is_sorted_as_ruff_sorts_it_and_has_no_duplicates(name: str) -> None:
    names = import_module(f"codexlab.{name}").__all__

    def kind(public: str) -> int:
        return 0 if public.isupper() else 1 if public[0].isupper() else 2

    assert list(names) == sorted(set(names), key=lambda public: (kind(public), public))


@pytest.mark.parametrize("name", FACADES)
def test_importing_a_package_loads_none_of_its_modules(name: str) -> None:
    package = f"codexlab.{name}"
    code = f"import sys, {package}; print([n for n in sys.modules if n.startswith('{package}.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
