"""Backups of media by restic: snapshots in its own repository, which restic alone can restore."""
