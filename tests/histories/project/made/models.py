"""Filled by each history."""
