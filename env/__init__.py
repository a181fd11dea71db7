"""What the agent may see, and where its build output goes.

::

    _rules, _adapters     which names pass, which never do, and why
    _build                parent environment + policy -> child environment + receipt (pure)
    _documentation        the rules as a table
    _assignments          --set NAME=VALUE and --env-file
    _secret_names, _known_secrets, _mask
                          what must not be written down, and a filter that sees to it
    _artifact_root, _volume, _cargo, _host
                          where cargo builds: root, key, host triple, variables (routing is pure)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel import import_on_use

if TYPE_CHECKING:
    from ._adapters import codex_provider_names
    from ._artifact_root import ARTIFACT_ROOT_VARIABLE, ArtifactRoot, open_artifact_root
    from ._assignments import parse_assignment, parse_env_file
    from ._build import RULES, build_environment, tool_shell_excludes
    from ._cargo import (
        CARGO_SCOPES,
        CargoRoute,
        CargoScope,
        ScopeError,
        new_cargo_key,
        parse_scope,
        repository_name,
        route_cargo,
        safe_cargo_key,
    )
    from ._circumstances import LEFT_BEHIND, Circumstances
    from ._documentation import rule_table
    from ._errors import AssignmentError, EnvFileError, ReservedNameError, SharedConfigError
    from ._host import host_triple
    from ._known_secrets import known_secrets
    from ._mask import MASK, Masker
    from ._policy import ChildEnvironment, EnvironmentPolicy, Verdict
    from ._search_path import TakenOut
    from ._secret_names import looks_secret
    from ._volume import volume_ids

__all__ = [
    "ARTIFACT_ROOT_VARIABLE",
    "CARGO_SCOPES",
    "LEFT_BEHIND",
    "MASK",
    "RULES",
    "ArtifactRoot",
    "AssignmentError",
    "CargoRoute",
    "CargoScope",
    "ChildEnvironment",
    "Circumstances",
    "EnvFileError",
    "EnvironmentPolicy",
    "Masker",
    "ReservedNameError",
    "ScopeError",
    "SharedConfigError",
    "TakenOut",
    "Verdict",
    "build_environment",
    "codex_provider_names",
    "host_triple",
    "known_secrets",
    "looks_secret",
    "new_cargo_key",
    "open_artifact_root",
    "parse_assignment",
    "parse_env_file",
    "parse_scope",
    "repository_name",
    "route_cargo",
    "rule_table",
    "safe_cargo_key",
    "tool_shell_excludes",
    "volume_ids",
]

__getattr__ = import_on_use(
    __name__,
    {
        "_adapters": ("codex_provider_names",),
        "_artifact_root": (
            "ARTIFACT_ROOT_VARIABLE",
            "ArtifactRoot",
            "open_artifact_root",
        ),
        "_assignments": (
            "parse_assignment",
            "parse_env_file",
        ),
        "_build": (
            "RULES",
            "build_environment",
            "tool_shell_excludes",
        ),
        "_cargo": (
            "CARGO_SCOPES",
            "CargoRoute",
            "CargoScope",
            "ScopeError",
            "new_cargo_key",
            "parse_scope",
            "repository_name",
            "route_cargo",
            "safe_cargo_key",
        ),
        "_circumstances": ("LEFT_BEHIND", "Circumstances"),
        "_documentation": ("rule_table",),
        "_errors": (
            "AssignmentError",
            "EnvFileError",
            "ReservedNameError",
            "SharedConfigError",
        ),
        "_host": ("host_triple",),
        "_known_secrets": ("known_secrets",),
        "_mask": (
            "MASK",
            "Masker",
        ),
        "_policy": (
            "ChildEnvironment",
            "EnvironmentPolicy",
            "Verdict",
        ),
        "_search_path": ("TakenOut",),
        "_secret_names": ("looks_secret",),
        "_volume": ("volume_ids",),
    },
)
