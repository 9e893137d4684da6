"""How media files that may go are found and removed."""
