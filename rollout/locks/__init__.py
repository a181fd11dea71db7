"""codex's lock protocol, our locks of a store, and who has a file open."""
