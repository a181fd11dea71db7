"""``codexlab artifacts``."""
