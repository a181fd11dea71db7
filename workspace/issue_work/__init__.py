"""Bring an issue's work home: show it, commit it, merge it, push it."""
