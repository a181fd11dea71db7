"""What the shared ``config.toml`` says that cannot hold in another home: pure.

Two keys tie codex to one home. Several homes may use a database below ``sqlite_home``. It then
records the paths of transcripts through the issue's home, and the user's own codex loses them
with it. A login in the keyring is named by the path of the home it was made for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .notes import Table

_DATABASES, _LOGIN = "sqlite_home", "cli_auth_credentials_store"


def with_databases_here(text: str, values: Table) -> str:
    """Return ``text`` without a ``sqlite_home`` outside of the home; codex then uses its own.

    :param values: what the text says.
    """
    if not _leads_out(values):
        return text
    import tomlkit

    document = tomlkit.parse(text)
    del document[_DATABASES]
    return tomlkit.dumps(document)


def without_effect_here(values: Table, shared: Path) -> Iterator[str]:
    """Yield a line on each key that does not work in an issue.

    :param values: what the shared configuration says.
    :param shared: the shared home.
    """
    if _leads_out(values):
        yield (
            f"{shared / 'config.toml'}: {_DATABASES} is left out here; a shared database would"
            " record paths through this issue's home, which your own codex could not follow"
        )
    store = values.get(_LOGIN)
    if store == "keyring" or (store == "auto" and not (shared / "auth.json").exists()):
        yield (
            f"{shared / 'config.toml'}: {_LOGIN} = {store!r} finds no login here, because codex"
            " names keyring entries by home; set 'file' and sign in again, or pass a key"
        )


def _leads_out(values: Table) -> bool:
    place = values.get(_DATABASES)
    return isinstance(place, str) and place.startswith(("/", "~"))
