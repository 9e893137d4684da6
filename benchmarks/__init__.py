"""Every speed that storekeeper claims, each against its peer: ``python -m benchmarks NAME``."""
