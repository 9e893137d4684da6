"""How logs are archived and emptied while others write them."""
