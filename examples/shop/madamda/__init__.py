"""The sample shop: a small Django project with the parts a real one has."""
