"""A click type for a number of things, which errors call by its plain name."""

from __future__ import annotations

from typing import Any

import click


class WholeNumber(click.IntRange):
    """A whole number within bounds; click itself would speak of a valid integer range."""

    name = "whole number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is None or not self._holds(number):
            self.fail(f"expected {self._expected()}, not {str(value)!r}", param, ctx)
        return number

    def _holds(self, number: int) -> bool:
        least, most = self.min, self.max
        return (least is None or number >= least) and (most is None or number <= most)

    def _expected(self) -> str:
        if self.max is not None:
            return f"a whole number from {self.min} to {self.max}"
        return f"a whole number, {self.min} or more"
