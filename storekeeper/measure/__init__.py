"""The one answer to "how large, how full": plain values, which exporter, receiver, report and page show."""
