"""Backups that are encrypted with age: what their manifests say in clear, and how they are read again."""
