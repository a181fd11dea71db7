"""``codexlab``: one file for each command."""
