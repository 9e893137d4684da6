"""How unused space of databases is given back."""
