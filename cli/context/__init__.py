"""The workspaces that a command works on, found by its options."""
