"""Files that no row names: orphans, and originals that are kept for the way back."""

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources


class OrphansCollector:
    """
    Expose the files in each area that nothing in the shop's databases names, originals of images apart.

    A cleanup moves the same files, once nothing has happened to them for a day.
    """

    name = "orphans"
    waits = False
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Collected:
        """Give the last complete comparison of files and rows."""
        latest = self._sources.files.latest
        files = GaugeMetricFamily(
            "storekeeper_orphaned_files",
            "Files in the area that nothing in the databases names, QR codes apart; a cleanup takes them once"
            " they are a day old. Measured beside the scrapes.",
            labels=("area",),
        )
        size = GaugeMetricFamily(
            "storekeeper_orphaned_size_bytes",
            "Bytes of the files in the area that nothing in the databases names, QR codes apart. Measured"
            " beside the scrapes.",
            labels=("area",),
        )
        kept = GaugeMetricFamily(
            "storekeeper_replaced_files",
            "Originals of images that optimize_images keeps in the area for the way back, no orphans."
            " Measured beside the scrapes.",
            labels=("area",),
        )
        kept_size = GaugeMetricFamily(
            "storekeeper_replaced_size_bytes",
            "Bytes of the originals of images that optimize_images keeps in the area. Measured beside the"
            " scrapes.",
            labels=("area",),
        )
        if latest.value is not None:
            for area, count in latest.value.orphans.items():
                files.add_metric((area,), count.files)
                size.add_metric((area,), count.size_bytes)
            for area, count in latest.value.replaced.items():
                kept.add_metric((area,), count.files)
                kept_size.add_metric((area,), count.size_bytes)
        return Collected.from_latest(latest, families=(files, size, kept, kept_size))
