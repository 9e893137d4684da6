"""Copies of backups away from this machine."""
