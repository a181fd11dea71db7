"""Settings: flags > CODEXLAB_* > project file > user config > defaults, read once."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ..kernel import CallerError
from ._config_files import (
    PROJECT_KEYS,
    ConfigError,
    ConfigFile,
    find_project_file,
    read_config,
    user_config_path,
)
from ._literals import parse_duration, parse_size

PREFIX = "CODEXLAB_"
# What other commands read from the same user config.
OTHER_TABLES = frozenset({"artifacts", "gc", "hooks", "rollout"})

# How a classmethod of pydantic-settings learns of the files; a subclass for each
# reading would build the whole schema again.
_FILES: ContextVar[tuple[ConfigFile, ...]] = ContextVar("files", default=())


class SettingError(CallerError):
    """A flag or a CODEXLAB_* variable has a value it cannot have."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"{name}: {problem}")


def _parse_wait(value: object) -> float | None:
    return None if value == "forever" else parse_duration(value)


def _parse_limit(value: object) -> float | None:
    return (parse_duration(value) or None) if value is not None else None


def _parse_size_limit(value: object) -> int | None:
    return (parse_size(value) or None) if value is not None else None


def _split_codes(value: object) -> object:
    if value == ():
        return value
    listed = value.split(",") if isinstance(value, str) else value
    words = [str(code) for code in cast("list[object]", listed)] if isinstance(listed, list) else []
    if not words or not all(word.isdecimal() and 0 < int(word) < 256 for word in words):
        raise ValueError("expected exit statuses from 1 to 255, as in 1,75")
    return tuple(map(int, words))


def _split_names(value: object) -> object:
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


def _split_pairs(value: object) -> object:
    if isinstance(value, str):
        from ..env import parse_assignment

        return tuple(
            parse_assignment(pair, f"{PREFIX}SET_ENV") for pair in value.split(",") if pair
        )
    return tuple(cast("dict[str, object]", value).items()) if isinstance(value, dict) else value


class LaunchSettings(BaseSettings):
    """Everything one can say about a launch beside its command."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True
    )

    issue: str = ""
    project: str | None = None
    agent: Literal["codex", "claude", "generic"] | None = None
    workspaces_root: Path = Field(default_factory=lambda: Path.home() / "codexlab" / "workspaces")
    repo: str | None = None
    no_repo: bool = False
    workdir: Path | None = None
    base: str | None = None
    timeout: Annotated[float | None, BeforeValidator(_parse_limit)] = None
    idle_timeout: Annotated[float | None, BeforeValidator(_parse_limit)] = None
    memory_max: Annotated[int | None, BeforeValidator(_parse_size_limit)] = None
    pids_max: Annotated[int | None, Field(ge=1)] = None
    cpu_max: Annotated[float | None, Field(gt=0)] = None
    retries: Annotated[int, Field(ge=0)] = 0
    retry_on: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_split_codes)] = ()
    grace: Annotated[float, BeforeValidator(parse_duration)] = 10.0
    wait: Annotated[float | None, BeforeValidator(_parse_wait)] = 0.0
    stdin: str = "auto"
    events: str | None = None
    thread: str | None = None
    cargo_scope: Literal["agent", "worktree", "shared", "off"] = "agent"
    require_artifacts: bool = False
    containment: Literal["auto", "cgroup", "subreaper"] = "auto"
    git_write: bool = False
    sessions: Literal["shared", "issue"] = "shared"
    pass_env: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_names)] = ()
    set_env: Annotated[tuple[tuple[str, str], ...], NoDecode, BeforeValidator(_split_pairs)] = ()
    log_max_size: Annotated[int, BeforeValidator(parse_size)] = 64 * 2**20
    verbose: bool = False

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


KNOWN_KEYS = frozenset(LaunchSettings.model_fields) | OTHER_TABLES


def read_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path
) -> LaunchSettings:
    """Read every source once.

    :param flags: only those that were given.
    :raises ConfigError: a file says something it cannot: file, line, key, what was expected.
    :raises SettingError: a flag or variable does.
    """
    files = (
        read_config(find_project_file(cwd), KNOWN_KEYS, PROJECT_KEYS),
        read_config(user_config_path(environ), KNOWN_KEYS, KNOWN_KEYS),
    )
    _FILES.set(files)
    try:
        return LaunchSettings(**flags)
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
    problem = f"{_sentence(first['msg'])}, not {first['input']!r}"
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
