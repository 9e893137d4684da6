"""What a recovery and a drill share: which backups fit together, how they come here, and what is checked."""
