"""The settings as a model of pydantic-settings, which judges what is not plainly right.

Imported only for that: it costs a launch more than everything else it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Annotated, Any, get_origin

from pydantic import BeforeValidator, Field, ValidationError, create_model
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ...kernel.errors import CallerError
from .errors import SettingError
from .files import ConfigError, ConfigFile
from .kinds import PAIRS, PREFIX, Kind
from .table import BY_NAME

_SHOWN = 80
# How a classmethod of pydantic-settings learns of the sources; a subclass for each
# reading would build the whole schema again.
_FILES: ContextVar[tuple[ConfigFile, ...]] = ContextVar("files", default=())
_ENVIRON: ContextVar[Mapping[str, str]] = ContextVar("environ")


class _Variables(EnvSettingsSource):
    """The variables of the caller, who need not be this process."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        environ = _ENVIRON.get()
        return {name.lower(): value for name, value in environ.items() if value}


class _Sources(BaseSettings):
    """The sources of every setting, strongest first."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=False,
    )

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
        del env_settings, dotenv_settings, file_secret_settings
        files = (InitSettingsSource(settings_cls, dict(file.settings)) for file in _FILES.get())
        return init_settings, _Variables(settings_cls), *files


def _annotation(kind: Kind) -> Any:
    """Return what pydantic is told of a setting."""
    extra: list[Any] = [NoDecode] if get_origin(kind.type) is tuple else []
    if kind.before is not None:
        extra.append(BeforeValidator(kind.before))
    if kind.bounds:
        extra.append(Field(**kind.bounds))
    return Annotated[(kind.type, *extra)] if extra else kind.type


# None stands for a setting that is not given; it is never validated, nor looked at.
_FIELDS: dict[str, Any] = {name: (_annotation(each.kind), None) for name, each in BY_NAME.items()}
LaunchSettings = create_model("LaunchSettings", __base__=_Sources, **_FIELDS)


def validate(
    flags: Mapping[str, Any], environ: Mapping[str, str], files: tuple[ConfigFile, ...]
) -> dict[str, Any]:
    """Let pydantic-settings merge and judge every source; return what they give, by name.

    :param files: strongest first.
    :raises ConfigError: a file says something it cannot: file, line, key, what was expected.
    :raises SettingError: a flag or variable does.
    """
    _FILES.set(files)
    _ENVIRON.set(environ)
    try:
        model = LaunchSettings(**flags)
    except ValidationError as error:
        raise _explain(error, flags, environ, files) from None
    return {name: getattr(model, name) for name in model.model_fields_set}


def _explain(
    error: ValidationError,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    files: tuple[ConfigFile, ...],
) -> CallerError:
    """Say which source the first wrong value came from."""
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0])
    kind = BY_NAME[key].kind
    problem = _sentence(first, kind.expected)
    if kind is not PAIRS:  # its values may be secrets
        given = repr(first["input"])
        problem += f", not {given if len(given) <= _SHOWN else f'{given[:_SHOWN]}…'}"
    variable = BY_NAME[key].variable
    if key in flags:
        return SettingError(BY_NAME[key].flag, problem)
    if environ.get(variable):
        return SettingError(variable, problem)
    for file in files:
        if key in file.settings:
            return ConfigError(file.path, file.line_of(key), key, problem)
    return SettingError(key, problem)


def _sentence(error: ErrorDetails, expected: str) -> str:
    """Say what was expected: in the words of a reader of ours, else in those of its kind."""
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    return f"expected {expected or error['msg'].removeprefix('Input should be ')}"
