"""Callers of codexlab as root, as an ordinary user, and as a limited one."""
