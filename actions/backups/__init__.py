"""How backups are written, named, judged, proved and restored."""
