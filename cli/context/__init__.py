"""Where workspaces lie, and which of them a command means."""
