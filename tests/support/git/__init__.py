"""Repositories, a remote over HTTP, and what an agent plants for git."""
