"""The one answer to "how large, how full, which files": plain values for exporter, receiver and report."""
