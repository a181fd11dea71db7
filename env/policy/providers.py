"""What an agent needs beyond its own names once one of its built-in providers is switched on.

The names hold credentials of whole clouds: without the switch none of them passes.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...kernel.values import frozen
from .rules import NameGroup, NameIndex, index_groups

_ON = frozenset(("1", "true", "yes", "on"))

AWS = """
AWS_ACCESS_KEY_ID AWS_BEARER_TOKEN_BEDROCK AWS_CONFIG_FILE AWS_CONTAINER_AUTHORIZATION_TOKEN
AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI
AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_DEFAULT_PROFILE AWS_DEFAULT_REGION
AWS_EC2_METADATA_DISABLED AWS_EC2_METADATA_SERVICE_ENDPOINT AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE
AWS_ENDPOINT_URL AWS_ENDPOINT_URL_BEDROCK_RUNTIME AWS_LOGIN_CACHE_DIRECTORY AWS_PROFILE AWS_REGION
AWS_ROLE_ARN AWS_ROLE_SESSION_NAME AWS_SDK_LOAD_CONFIG AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
AWS_SHARED_CREDENTIALS_FILE AWS_STS_REGIONAL_ENDPOINTS AWS_USE_DUALSTACK_ENDPOINT
AWS_USE_FIPS_ENDPOINT AWS_WEB_IDENTITY_TOKEN_FILE
"""
_GOOGLE = """
CLOUDSDK_ACTIVE_CONFIG_NAME CLOUDSDK_CONFIG CLOUDSDK_CORE_PROJECT CLOUD_ML_REGION GCE_METADATA_HOST
GCLOUD_PROJECT GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CLOUD_PROJECT GOOGLE_CLOUD_QUOTA_PROJECT
GOOGLE_GHA_CREDS_PATH VERTEX_REGION_CLAUDE_*
"""
_AZURE = """
AZURE_ADDITIONALLY_ALLOWED_TENANTS AZURE_AUTHORITY_HOST AZURE_CLIENT_CERTIFICATE_PASSWORD
AZURE_CLIENT_CERTIFICATE_PATH AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_CONFIG_DIR
AZURE_FEDERATED_TOKEN_FILE AZURE_TENANT_ID AZURE_TOKEN_CREDENTIALS IDENTITY_ENDPOINT IDENTITY_HEADER
MSI_ENDPOINT MSI_SECRET
"""


@frozen
class _Provider:
    """A provider, or another service, that one variable switches on.

    :param switch: the variable; every agent reads 1, true, yes and on as on.
    """

    agent: str
    switch: str
    names: str

    @property
    def group(self) -> NameGroup:
        reason = f"only with `{self.switch}=1`, which needs them"
        return NameGroup(f"adapter: {self.agent}, {self.switch}", tuple(self.names.split()), reason)


PROVIDERS = (
    _Provider(
        "claude",
        "CLAUDE_CODE_USE_BEDROCK",
        f"ANTHROPIC_BEDROCK_* ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION {AWS}",
    ),
    _Provider("claude", "CLAUDE_CODE_USE_MANTLE", f"ANTHROPIC_BEDROCK_* {AWS}"),
    _Provider("claude", "CLAUDE_CODE_USE_ANTHROPIC_AWS", f"ANTHROPIC_AWS_* {AWS}"),
    _Provider("claude", "CLAUDE_CODE_USE_VERTEX", f"ANTHROPIC_VERTEX_* {_GOOGLE}"),
    _Provider(
        "claude", "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", f"ANTHROPIC_GOOGLE_CLOUD_* {_GOOGLE}"
    ),
    _Provider("claude", "CLAUDE_CODE_USE_FOUNDRY", f"ANTHROPIC_FOUNDRY_* {_AZURE}"),
    _Provider("claude", "CLAUDE_CODE_USE_GATEWAY", "CLAUDE_CODE_GATEWAY_*"),
    _Provider("claude", "CLAUDE_CODE_ENABLE_TELEMETRY", "OTEL_*"),
)
"""Switches pass with or without what they need."""


def switched_on(agent: str, environ: Mapping[str, str]) -> NameIndex:
    """Return the names that pass because the agent's own environment switches a provider on.

    :param environ: what the agent would see of the switches.
    """
    groups = (
        provider.group
        for provider in PROVIDERS
        if provider.agent == agent and environ.get(provider.switch, "").lower() in _ON
    )
    return index_groups(groups)


def switches_of(agent: str) -> str:
    """Return the names of an agent's switches."""
    return " ".join(provider.switch for provider in PROVIDERS if provider.agent == agent)
