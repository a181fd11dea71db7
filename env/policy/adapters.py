"""What each kind of agent needs beyond the built-in names, and how codex names more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

from ...kernel.files.regular_file import read_regular
from ...kernel.toml import TomlError, decode_toml, parse_toml
from ...kernel.values import frozen
from ..errors import SharedConfigError
from . import claude_settings
from .providers import AWS, switches_of
from .rules import NameGroup, NameIndex, index_groups

_NAMING_KEYS = frozenset({"env_key", "env_http_headers", "bearer_token_env_var", "env_vars"})
_BEDROCK = "amazon-bedrock"
_ANY_NAMING_KEY = rb"env_key|env_http_headers|bearer_token_env_var|env_vars|amazon-bedrock"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"

_CODEX_SETTINGS = (
    "OPENAI_BASE_URL OPENAI_ORGANIZATION OPENAI_PROJECT CODEX_OSS_BASE_URL CODEX_OSS_PORT RUST_LOG"
)


@frozen
class Adapter:
    """What one kind of agent needs.

    :param keys: names that hold credentials of its provider; kept out of its tool shells
        where the agent offers a way.
    """

    agent: str
    groups: tuple[NameGroup, ...]
    keys: tuple[str, ...]
    index: NameIndex


def _adapter(agent: str, keys: str, *groups: tuple[str, str]) -> Adapter:
    """Make an adapter whose first group begins with the keys."""
    made = tuple(
        NameGroup(f"adapter: {agent}", tuple(f"{'' if at else keys} {names}".split()), reason)
        for at, (names, reason) in enumerate(groups)
    )
    return Adapter(agent, made, tuple(keys.split()), index_groups(made))


ADAPTERS = {
    adapter.agent: adapter
    for adapter in (
        _adapter(
            "codex",
            "OPENAI_API_KEY CODEX_API_KEY",
            (_CODEX_SETTINGS, "codex reaches its own provider"),
        ),
        _adapter(
            "claude",
            claude_settings.KEYS,
            (
                f"{claude_settings.SIGN_IN} {switches_of('claude')}",
                "claude signs in as its user does",
            ),
            (claude_settings.MODELS, "claude reaches its own provider and models"),
            (claude_settings.CONDUCT, "settings of claude's user hold"),
            (claude_settings.SCREEN, "claude's screen and logs are as its user wants them"),
        ),
        _adapter("generic", ""),
    )
}


def adapter_for(agent: str) -> Adapter:
    """Return the adapter of ``agent``; one without an adapter of its own gets the generic one."""
    return ADAPTERS.get(agent, ADAPTERS["generic"])


def codex_provider_names(
    shared_config: Path,
    command: Sequence[str] = (),
    tell: Callable[[str], object] | None = None,
) -> frozenset[str]:
    """Return the variables that codex's shared ``config.toml`` asks for by name.

    Its built-in provider for Amazon Bedrock asks for those of AWS, chosen there or in the command.

    :param shared_config: the file in the *shared* codex-home. Never pass one that the
        repository or the agent can write: it could name any secret of the caller.
    :param command: what is to be run.
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
    """Keep kind and place of a TOML error; some kinds quote the text they stumbled on."""
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
