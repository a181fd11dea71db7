"""Bring committed work to a branch of the user's, or to a remote."""
