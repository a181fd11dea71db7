"""Records of a workspace: its origin, its threads, its machine."""
