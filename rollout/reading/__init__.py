"""One rollout in either form: bytes, lines, records, entries."""
