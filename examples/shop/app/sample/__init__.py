"""Made-up data for the sample shop: the same for the same seed, as irregular as real data is."""
