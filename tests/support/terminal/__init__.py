"""A program at a terminal, and the person who types there."""
