"""A click type for a text that is not empty."""

from __future__ import annotations

from typing import Any

import click

from ...supervisor.settings.literals import parse_given


class _Given(click.ParamType[str]):
    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged; an empty text would quietly mean the default."""
        try:
            return str(parse_given(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


NON_EMPTY_TEXT = _Given()
