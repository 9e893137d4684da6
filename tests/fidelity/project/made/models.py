"""Models that each round makes anew."""
