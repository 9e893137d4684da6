"""The one answer to "how large, how full, which files": plain values, which exporter, receiver, report and page show."""
