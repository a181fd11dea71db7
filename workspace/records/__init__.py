"""What is written down about a workspace: its origin, its threads, its machine."""
