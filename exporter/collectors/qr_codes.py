"""QR code images: live, expired, or orphaned."""

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources


class QrCodesCollector:
    """
    Expose number and bytes of the QR codes of each kind and state.

    Of a kind with rows, the row tells live from expired and a file without a row is orphaned; of a kind
    without rows, the file's age tells.
    """

    name = "qr_codes"
    waits = False
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Collected:
        """Give the last complete comparison of files and rows."""
        latest = self._sources.files.latest
        labels = ("kind", "state")
        codes = GaugeMetricFamily(
            "storekeeper_qr_codes",
            "QR codes by kind and state: live, expired, orphaned. Measured beside the scrapes.",
            labels=labels,
        )
        size = GaugeMetricFamily(
            "storekeeper_qr_codes_size_bytes",
            "Bytes of the files of QR codes by kind and state. Measured beside the scrapes.",
            labels=labels,
        )
        if latest.value is not None:
            for label, count in latest.value.codes.items():
                codes.add_metric(label, count.files)
                size.add_metric(label, count.size_bytes)
        return Collected.from_latest(latest, families=(codes, size))
