"""The application of the models that are made."""
