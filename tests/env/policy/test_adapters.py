"""Names that codex's shared configuration asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexlab.env.errors import SharedConfigError
from codexlab.env.policy.adapters import codex_provider_names

CONFIG = """
model_provider = "stub"

[model_providers.stub]
env_key = "STUB_KEY"
env_http_headers = { "X-Org" = "STUB_ORG", "X-Bad" = "not a name" }

[mcp_servers.docs]
bearer_token_env_var = "DOCS_TOKEN"
env_vars = ["DOCS_REGION", { name = "DOCS_USER", source = "local" }, 7]

[mcp_servers.docs.env]
LITERAL = "value"

[profiles.x.model_providers.y]
env_key = "DEEP_KEY"
"""


def test_every_key_that_names_a_variable_is_found_at_any_depth(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    expected = {"STUB_KEY", "STUB_ORG", "DOCS_TOKEN", "DOCS_REGION", "DOCS_USER", "DEEP_KEY"}
    assert codex_provider_names(config) == expected


def test_no_config_and_one_that_names_nothing_give_no_names(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    assert codex_provider_names(config) == frozenset()
    config.write_text('model = "x"\nshared = "HOME"\n')
    assert codex_provider_names(config) == frozenset()


@pytest.mark.parametrize(
    "content",
    [b"env_key = \n", b'env_key = "\xff"', b'env_key = "a"\nenv_key = "b"', b"env_key = sk-secret"],
)
def test_a_broken_config_is_one_line_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "config.toml"
    config.write_bytes(content)
    with pytest.raises(SharedConfigError) as caught:
        codex_provider_names(config)
    assert str(config) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_a_directory_in_its_place_is_an_error_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(SharedConfigError, match="expected a regular file"):
        codex_provider_names(tmp_path)
