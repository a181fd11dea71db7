"""Repositories that an agent made: found, read and judged without their configuration."""
