"""How images are made smaller and how that is taken back."""
