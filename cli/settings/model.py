"""The settings as a model of pydantic-settings, which judges what is not plainly right.

Imported only for that: it costs a launch more than everything else it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ...agents.registry import AgentName
from ...kernel.errors import CallerError
from ..ui.literals import (
    parse_codes,
    parse_duration,
    parse_given,
    parse_limit,
    parse_size,
    parse_size_limit,
    parse_wait,
)
from .files import ConfigError, ConfigFile
from .values import (
    MOST_CORES,
    MOST_PROCESSES,
    PREFIX,
    CargoScope,
    Containment,
    Sessions,
    SettingError,
    SettingValues,
    default_workspaces_root,
)

_SHOWN = 80
_DEFAULTS = SettingValues(workspaces_root=Path())
# How a classmethod of pydantic-settings learns of the files; a subclass for each
# reading would build the whole schema again.
_FILES: ContextVar[tuple[ConfigFile, ...]] = ContextVar("files", default=())


_Text = Annotated[str, BeforeValidator(parse_given)]
_Path = Annotated[Path, BeforeValidator(parse_given)]


def _split_names(value: object) -> object:
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


def _split_pairs(value: object) -> object:
    if isinstance(value, str):
        from ...env.policy.assignments import parse_assignment

        return tuple(
            parse_assignment(pair, f"{PREFIX}SET_ENV") for pair in value.split(",") if pair
        )
    return tuple(cast("dict[str, object]", value).items()) if isinstance(value, dict) else value


class LaunchSettings(BaseSettings):
    """Everything one can say about a launch beside its command."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    issue: str = _DEFAULTS.issue
    project: _Text | None = _DEFAULTS.project
    agent: AgentName | None = _DEFAULTS.agent
    workspaces_root: _Path = Field(default_factory=default_workspaces_root)
    repo: _Text | None = _DEFAULTS.repo
    no_repo: bool = _DEFAULTS.no_repo
    workdir: _Path | None = _DEFAULTS.workdir
    base: _Text | None = _DEFAULTS.base
    timeout: Annotated[float | None, BeforeValidator(parse_limit)] = _DEFAULTS.timeout
    idle_timeout: Annotated[float | None, BeforeValidator(parse_limit)] = _DEFAULTS.idle_timeout
    memory_max: Annotated[int | None, BeforeValidator(parse_size_limit)] = _DEFAULTS.memory_max
    pids_max: Annotated[int | None, Field(ge=1, le=MOST_PROCESSES)] = _DEFAULTS.pids_max
    cpu_max: Annotated[float | None, Field(gt=0, le=MOST_CORES, allow_inf_nan=False)] = (
        _DEFAULTS.cpu_max
    )
    retries: Annotated[int, Field(ge=0)] = _DEFAULTS.retries
    retry_on: Annotated[tuple[int, ...], NoDecode, BeforeValidator(parse_codes)] = (
        _DEFAULTS.retry_on
    )
    grace: Annotated[float, BeforeValidator(parse_duration)] = _DEFAULTS.grace
    wait: Annotated[float | None, BeforeValidator(parse_wait)] = _DEFAULTS.wait
    stdin: _Text = _DEFAULTS.stdin
    events: _Text | None = _DEFAULTS.events
    thread: _Text | None = _DEFAULTS.thread
    cargo_scope: CargoScope = _DEFAULTS.cargo_scope
    require_artifacts: bool = _DEFAULTS.require_artifacts
    containment: Containment = _DEFAULTS.containment
    git_write: bool = _DEFAULTS.git_write
    sessions: Sessions = _DEFAULTS.sessions
    sweep_beside_agents: bool = _DEFAULTS.sweep_beside_agents
    sweep_cold_age: Annotated[float, BeforeValidator(parse_duration)] = _DEFAULTS.sweep_cold_age
    pass_env: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_names)] = (
        _DEFAULTS.pass_env
    )
    set_env: Annotated[tuple[tuple[str, str], ...], NoDecode, BeforeValidator(_split_pairs)] = (
        _DEFAULTS.set_env
    )
    log_max_size: Annotated[int, BeforeValidator(parse_size)] = _DEFAULTS.log_max_size
    verbose: bool = _DEFAULTS.verbose

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources, strongest first; there are no .env and no secret files."""
        del dotenv_settings, file_secret_settings
        files = (InitSettingsSource(settings_cls, dict(file.settings)) for file in _FILES.get())
        return init_settings, env_settings, *files


def validate(
    flags: Mapping[str, Any], environ: Mapping[str, str], files: tuple[ConfigFile, ...]
) -> SettingValues:
    """Let pydantic-settings merge and judge every source.

    :param files: strongest first.
    :raises ConfigError: a file says something it cannot: file, line, key, what was expected.
    :raises SettingError: a flag or variable does.
    """
    _FILES.set(files)
    try:
        return SettingValues(**dict(LaunchSettings(**flags)))
    except ValidationError as error:
        raise _explain(error, flags, environ, files) from None


def _explain(
    error: ValidationError,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    files: tuple[ConfigFile, ...],
) -> CallerError:
    """Say which source the first wrong value came from."""
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0])
    given = repr(first["input"])
    given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}…"
    problem = f"{_sentence(first['msg'])}, not {given}"
    variable = PREFIX + key.upper()
    if key in flags:
        return SettingError(f"--{key.replace('_', '-')}", problem)
    if environ.get(variable):
        return SettingError(variable, problem)
    for file in files:
        if key in file.settings:
            return ConfigError(file.path, file.line_of(key), key, problem)
    return SettingError(key, problem)


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Input should be ")
    return text if text.startswith("expected") else f"expected {text}"
