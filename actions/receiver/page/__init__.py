"""The receiver's page for people."""
