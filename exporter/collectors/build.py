"""Which storekeeper this is."""

import platform

from prometheus_client.core import GaugeMetricFamily

import storekeeper
from exporter.collectors.collector import Collected
from exporter.sources import Sources


class BuildCollector:
    """Expose the version of storekeeper and of its Python; the value is always 1."""

    name = "build"
    waits = False
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        pass

    def collect(self) -> Collected:
        """Give the one family."""
        info = GaugeMetricFamily(
            "storekeeper_build_info",
            "Version of storekeeper and of the Python that runs it; always 1.",
            labels=("version", "python_version"),
        )
        info.add_metric((storekeeper.__version__, platform.python_version()), 1)
        return Collected(families=(info,))
