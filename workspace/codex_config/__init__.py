"""``config.toml`` of a codex-home: what it keeps, merges and leaves out."""
