"""storekeeper keeps a Django shop's storage healthy: it measures, warns and acts."""

__version__ = "0.1.0"
