"""Settings: flags, variables and files, read once."""
