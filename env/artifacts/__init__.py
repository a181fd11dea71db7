"""Build output and caches of a machine: routed, measured and cleaned."""
