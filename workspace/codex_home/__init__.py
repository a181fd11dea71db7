"""The issue's codex-home: links, stores, logins and the index of threads."""
