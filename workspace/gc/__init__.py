"""Which workspaces may go, and how they go."""
