"""Finish a run whose supervisor is gone, and end one when nothing more can be had."""
