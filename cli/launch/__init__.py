"""``codexlab-run``: flags, the supervisor process, the dry run."""
