"""Contain a run, own its workspace, and end what earlier runs left."""
