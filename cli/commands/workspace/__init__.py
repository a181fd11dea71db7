"""``codexlab workspace``."""
