"""Values of ours are changed and taken apart without the time that ``dataclasses`` takes for it."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, field
from typing import Any

import pytest

from codexlab.kernel.values import asdict, declared_default, frozen, replace


@frozen
class Point:
    """A point with what is noted of it."""

    x: int
    y: int = 0
    notes: list[Any] = field(default_factory=list[Any])


@frozen
class Named(Point):
    """A point with a name."""

    name: str = field(default="", repr=False)


NESTED = Named(1, notes=[Point(2), (Point(3), [Point(4)]), {"k": Point(5)}, None, {1}], name="n")


def test_asdict_says_what_that_of_dataclasses_says() -> None:
    assert asdict(NESTED) == dataclasses.asdict(NESTED)
    assert asdict(NESTED)["notes"] is not NESTED.notes


def test_replace_makes_what_that_of_dataclasses_makes() -> None:
    made = replace(NESTED, y=5)
    assert made == dataclasses.replace(NESTED, y=5)
    assert type(made) is Named
    with pytest.raises(TypeError):
        replace(NESTED, z=1)


def test_the_default_of_a_field_is_known() -> None:
    assert declared_default(Named, "y") == 0
    assert declared_default(Named, "name") == ""
    assert declared_default(Named, "x") is MISSING
    assert declared_default(Named, "notes") is MISSING


def test_none_of_them_has_the_fields_described() -> None:
    @frozen
    class Fresh:
        """A class that nobody has asked for its fields."""

        x: int
        hidden: str = field(default="", repr=False)

    made = replace(Fresh(1), x=2)
    assert asdict(made) == {"x": 2, "hidden": ""}
    assert repr(made).endswith("Fresh(x=2)")
    assert declared_default(Fresh, "hidden") == ""
    assert not isinstance(vars(Fresh)["__dataclass_fields__"], dict)
    assert len(dataclasses.fields(made)) == 2
    assert isinstance(vars(Fresh)["__dataclass_fields__"], dict)
