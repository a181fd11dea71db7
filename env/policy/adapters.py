"""Names that pass for each kind of agent, and those that codex's configuration adds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from ...agents.adapter import Adapter
from ...agents.cloud_variables import AWS
from ...kernel.files.regular_file import read_regular
from ...kernel.toml import TomlError, decode_toml, parse_toml
from ..errors import SharedConfigError
from .rules import NameGroup

_NAMING_KEYS = frozenset({"env_key", "env_http_headers", "bearer_token_env_var", "env_vars"})
_BEDROCK = "amazon-bedrock"
_ANY_NAMING_KEY = rb"env_key|env_http_headers|bearer_token_env_var|env_vars|amazon-bedrock"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


def groups_of(agent: Adapter) -> tuple[NameGroup, ...]:
    """Return the names that pass for an agent; the first group begins with its keys."""
    variables = agent.variables
    return tuple(
        NameGroup(
            f"adapter: {agent.name}", tuple(f"{'' if at else variables.keys} {names}".split()), why
        )
        for at, (names, why) in enumerate(variables.groups)
    )


def codex_provider_names(
    shared_config: Path,
    command: Sequence[str] = (),
    tell: Callable[[str], object] | None = None,
) -> frozenset[str]:
    """Return the variables that codex's shared ``config.toml`` asks for by name.

    The built-in provider for Amazon Bedrock asks for those of AWS. The file or the command chooses
    it.

    :param shared_config: the file in the *shared* codex-home. Never pass a file that the repository
        or the agent can write: it could name any secret of the caller.
    :param command: the command to run.
    :param tell: takes a line where the file cannot be read as TOML; it then names nothing.
    :returns: values of ``env_key``, ``env_http_headers``, ``bearer_token_env_var`` and
        ``env_vars`` at any depth (codex 0.169); empty when there is no such file.
    :raises SharedConfigError: the file cannot be opened; or, without ``tell``, is no TOML.
    """
    names = _names_of_config(shared_config, tell)
    return names | set(AWS.split()) if any(_BEDROCK in word for word in command) else names


def _names_of_config(shared_config: Path, tell: Callable[[str], object] | None) -> frozenset[str]:
    try:
        data = read_regular(shared_config, follow=True)
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise SharedConfigError(str(shared_config), error.strerror or "unreadable") from None
    if not re.search(_ANY_NAMING_KEY, data):
        return frozenset()
    try:
        values = parse_toml(decode_toml(data))
    except TomlError as error:
        problem = SharedConfigError(str(shared_config), _without_quotes(error))
        if tell is None:
            raise problem from None
        tell(str(problem))
        return frozenset()
    return frozenset(n for n in _named(values) if re.fullmatch(_VARIABLE, n))


def _without_quotes(error: TomlError) -> str:
    """Keep kind and place of a TOML error; some kinds quote the offending text."""
    kind = error.problem.partition(":")[0]
    return kind if error.line is None else f"line {error.line}: {kind}"


def _named(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            if key == "model_provider" and value == _BEDROCK:
                yield from AWS.split()
            yield from _names_in(value) if key in _NAMING_KEYS else _named(value)
    elif isinstance(node, list):
        for value in cast("list[object]", node):
            yield from _named(value)


def _names_in(value: object) -> Iterator[str]:
    """Yield a name; a list of names or of tables with ``name``; or header = NAME pairs."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        table = cast("dict[str, object]", value)
        yield from (item for item in table.values() if isinstance(item, str))
    elif isinstance(value, list):
        for element in cast("list[object]", value):
            name = cast("dict[str, object]", element).get("name") if _is_table(element) else element
            if isinstance(name, str):
                yield name


def _is_table(node: object) -> bool:
    return isinstance(node, dict)
