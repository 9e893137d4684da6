"""The ledger: what the receiver was told, what ran, and what came of it, in one SQLite file."""
