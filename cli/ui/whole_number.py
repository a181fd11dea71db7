"""A click type for a number of things, which errors call by its plain name."""

from __future__ import annotations

import click


class WholeNumber(click.IntRange):
    """A whole number within bounds; click itself would speak of a valid integer range."""

    name = "whole number"
