"""Which values count as secrets."""

from __future__ import annotations

import json

import pytest

from codexlab.env.secrets.known import known_secrets
from codexlab.env.secrets.names import looks_secret


@pytest.mark.parametrize(
    "name",
    ["API_KEY", "GITHUB_TOKEN", "PGPASSWORD", "accessToken", "id_token", "MYSQL_PWD", "DB_PASS",
     "NPM_CONFIG__AUTH", "client-secret", "APIKEY", "X_AUTHORIZATION", "AWS_SECRET_ACCESS_KEY"],
)  # fmt: skip
def test_a_name_that_looks_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    ["PATH", "KEYBOARD", "PWD", "OLDPWD", "AUTHOR", "TOKENIZERS_PARALLELISM", "COMPASS", "HOME",
     "CODEX_LAB_CARGO_TARGET_KEY", "PATTERN", "XDG_RUNTIME_DIR", ""],
)  # fmt: skip
def test_a_name_that_does_not(name: str) -> None:
    assert not looks_secret(name)


def test_values_of_parent_and_child_count_and_short_ones_do_not() -> None:
    parent = {"A_TOKEN": "parent-secret", "PLAIN": "not-a-secret", "B_KEY": "short"}
    child = {"C_PASSWORD": "child-secret-longer"}
    assert known_secrets(parent, child) == (b"child-secret-longer", b"parent-secret")


def test_a_path_in_a_name_that_says_path_is_no_secret() -> None:
    assert (
        known_secrets({"SSH_AUTH_SOCK": "/run/user/1/agent", "KEY_FILE": "/etc/k/key.pem"}, {})
        == ()
    )
    assert known_secrets({"KEY_FILE": "not-a-path-but-a-secret"}, {}) == (
        b"not-a-path-but-a-secret",
    )


def test_passwords_in_urls_are_found_in_any_variable() -> None:
    found = known_secrets(
        {
            "DATABASE": "postgres://bob:p%40ssword1@db/x https://u:pw@h",
            "HTTPS_PROXY": "http://h:80/",
        },
        {"ORIGIN": "https://ghp_0123456789abcdefghij@example.org/x.git"},
    )
    assert set(found) == {
        b"p%40ssword1",
        b"p@ssword1",
        b"https://u:pw@",
        b"ghp_0123456789abcdefghij",
    }


def test_secret_lines_inside_a_value_are_found() -> None:
    value = "region: eu-west\napi_key: 'abcdefgh-1234'\n"
    assert known_secrets({"SETTINGS": value}, {}) == (b"abcdefgh-1234",)


def test_the_lines_of_a_pem_key_are_masked_one_by_one() -> None:
    body = "MIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB"
    pem = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    found = known_secrets({"SIGNING_KEY": pem}, {})
    assert set(found) == {pem.strip().encode(), *body.encode().split()}


def test_tokens_of_auth_json_are_found_by_name() -> None:
    auth = {
        "OPENAI_API_KEY": None,
        "tokens": {"id_token": "id-0123456789", "account_id": "acc-0123456789"},
        "list": [{"refresh_token": "ref-0123456789"}],
        "last_refresh": "2026-01-01T00:00:00Z",
    }
    found = known_secrets({}, {}, json.dumps(auth).encode())
    assert set(found) == {b"id-0123456789", b"ref-0123456789"}


def test_every_long_string_of_a_broken_auth_json_is_masked() -> None:
    assert known_secrets({}, {}, b'{"access_token": "tok-0123456789abcdef", ') == (
        b"tok-0123456789abcdef",
    )


def test_a_value_that_is_no_utf8_is_masked_byte_for_byte() -> None:
    assert known_secrets({"A_KEY": "12345678\udcff"}, {}) == (b"12345678\xff",)
