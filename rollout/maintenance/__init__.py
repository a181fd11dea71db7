"""Whole stores: swept, verified and measured."""
