"""Our frozen classes do what ``dataclass(frozen=True, slots=True)`` does: tests run on both."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, astuple, dataclass, field, fields, replace
from typing import Any

import pytest

from codexlab.kernel.values import frozen


@frozen
class Ours:
    """A point with a name."""

    x: int
    y: int = 0
    names: list[str] = field(default_factory=list[str])
    secret: str = field(default="", repr=False)


@frozen
class OursBelow(Ours):
    """A point that shows itself otherwise."""

    z: int = 3

    def __repr__(self) -> str:
        return f"below {self.z}"


@dataclass(frozen=True, slots=True)
class Theirs:
    """A point with a name."""

    x: int
    y: int = 0
    names: list[str] = field(default_factory=list[str])
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TheirsBelow(Theirs):
    """A point that shows itself otherwise."""

    z: int = 3

    def __repr__(self) -> str:
        return f"below {self.z}"


pytestmark = pytest.mark.parametrize("kind", [Ours, Theirs])
below: dict[Any, Any] = {Ours: OursBelow, Theirs: TheirsBelow}


WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((), {"y": 1}),
    ((1, 2, [], "", 5), {}),
    ((1,), {"w": 1}),
    ((1,), {"x": 1}),
]


def set_it(made: Any) -> None:
    made.x = 2


def delete_it(made: Any) -> None:
    del made.x


def deep_copy(made: Any) -> Any:
    return copy.deepcopy(made)


def pickled(made: Any) -> Any:
    return pickle.loads(pickle.dumps(made))


def replace_nothing(made: Any) -> Any:
    return replace(made)


def test_it_is_made_by_position_by_name_and_by_default(kind: Any) -> None:
    made = kind(1, names=["a"])
    assert (made.x, made.y, made.names, made.secret) == (1, 0, ["a"], "")
    assert kind(1).names is not kind(1).names
    assert below[kind](1, 2, z=4).z == 4


@pytest.mark.parametrize(("given", "named"), WRONG)
def test_what_is_missing_too_much_unknown_or_twice_is_a_type_error(
    kind: Any, given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        kind(*given, **named)


def test_it_is_its_contents_and_of_its_own_class_only(kind: Any) -> None:
    assert kind(1, 2) == kind(1, y=2)
    assert kind(1, 2) != kind(1, 3)
    assert kind(1, 2) != below[kind](1, 2)
    assert kind(1, 2) != (1, 2, [], "")
    with pytest.raises(TypeError):
        hash(kind(1))  # it holds a list
    hashable = kind(1, 2, ())
    assert {hashable: 1}[kind(1, 2, ())] == 1


def test_it_shows_what_may_be_shown_and_a_method_of_its_own_stays(kind: Any) -> None:
    assert repr(kind(1, 2, ["a"], "hidden")) == f"{kind.__name__}(x=1, y=2, names=['a'])"
    assert repr(below[kind](1)) == "below 3"
    assert kind.__doc__ == "A point with a name."


@pytest.mark.parametrize("change", [set_it, delete_it])
def test_nobody_changes_it(kind: Any, change: Callable[[Any], None]) -> None:
    made = kind(1)
    with pytest.raises(FrozenInstanceError):
        change(made)
    with pytest.raises((FrozenInstanceError, TypeError)):
        made.other = 1
    assert not hasattr(made, "__dict__")
    assert made.x == 1


@pytest.mark.parametrize("copied", [copy.copy, deep_copy, pickled, replace_nothing])
def test_a_copy_is_equal_and_as_unchangeable(kind: Any, copied: Callable[[Any], Any]) -> None:
    for made in (kind(1, 2, ["a"], "s"), below[kind](1, 2, ["a"], "s", 9)):
        again = copied(made)
        assert again == made
        assert again is not made
        assert type(again) is type(made)
        with pytest.raises(FrozenInstanceError):
            again.x = 5


def test_the_functions_of_dataclasses_and_patterns_know_it(kind: Any) -> None:
    made = replace(kind(1, 2), y=5)
    assert asdict(made) == {"x": 1, "y": 5, "names": [], "secret": ""}
    assert astuple(made) == (1, 5, [], "")
    assert [each.name for each in fields(below[kind])] == ["x", "y", "names", "secret", "z"]
    with pytest.raises(TypeError):
        replace(made, w=1)
    # What a pattern by position goes by.
    assert kind.__match_args__ == ("x", "y", "names", "secret")
