"""Fill a codex home with what a person keeps there: instructions, hooks, roles, skills, logins."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from ..model.codex_responses import Json
from .app_server import app_server
from .codex import Codex


def write_hook(home: Path, command: str, event: str = "SessionStart") -> None:
    """Name one hook in ``hooks.json``."""
    hook = {"hooks": [{"type": "command", "command": command}]}
    (home / "hooks.json").write_text(json.dumps({"hooks": {event: [hook]}}))


def trust_hooks(codex: Codex, home: Path, environ: Mapping[str, str], cwd: Path) -> None:
    """Trust every hook of a home, as its owner does at codex's screen."""
    with app_server(codex, {**environ, "CODEX_HOME": str(home)}, cwd) as server:
        hooks = server.hooks(cwd)
    lines = [f'[hooks.state."{h["key"]}"]\ntrusted_hash = "{h["currentHash"]}"\n' for h in hooks]
    with (home / "config.toml").open("a") as file:
        file.write("\n" + "".join(lines))


def write_skill(home: Path, name: str, description: str) -> Path:
    """Write a skill and return its directory."""
    place = home / "skills" / name
    place.mkdir(parents=True)
    head = f"---\nname: {name}\ndescription: {description}\n---\n"
    (place / "SKILL.md").write_text(head + "Do it.\n")
    return place


def write_role(home: Path, name: str, description: str) -> None:
    """Write a role of an agent that codex may start."""
    (home / "agents").mkdir(exist_ok=True)
    lines = f'name = "{name}"\ndescription = "{description}"\ndeveloper_instructions = "x"\n'
    (home / "agents" / f"{name}.toml").write_text(lines)


def write_mcp_logins(home: Path, *names: str) -> None:
    """Name MCP servers in the configuration, each with a login that codex has stored."""
    path = home / "config.toml"
    text = path.read_text()
    for name in names:
        text += f'\n[mcp_servers.{name}]\nurl = "{_url(name)}"\n'
    path.write_text('mcp_oauth_credentials_store = "file"\n' + text)
    logins = home / ".credentials.json"
    logins.write_text(json.dumps(dict(map(_login, names))))
    logins.chmod(0o600)


def _url(name: str) -> str:
    return f"http://127.0.0.1:9/{name}"


def _login(name: str) -> tuple[str, Json]:
    where: Json = {"type": "http", "url": _url(name), "headers": {}}
    digest = hashlib.sha256(json.dumps(where, separators=(",", ":")).encode()).hexdigest()
    login: Json = {
        "server_name": name,
        "server_url": _url(name),
        "client_id": "client",
        "access_token": f"token-of-{name}-0123456789",
        "expires_at": 4102444800000,
        "refresh_token": "refresh-0123456789",
        "scopes": [],
    }
    return f"{name}|{digest[:16]}", login


def mcp_logins(home: Path) -> set[str]:
    """Return the names of the servers whose logins a home has."""
    path = home / ".credentials.json"
    return (
        {re.split(r"\|", key)[0] for key in json.loads(path.read_text())}
        if path.exists()
        else set()
    )
