"""Work that exists only below a workspace and would be lost with it."""
