"""Decide which workspaces may be removed, and remove them."""
