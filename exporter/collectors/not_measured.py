"""What the shop has and nobody measures: uploads in an object store, databases of an unknown engine."""

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources
from storekeeper.errors import ShopError
from storekeeper.measure.not_measured import not_measured


class NotMeasuredCollector:
    """Expose each part of the shop that no figure and no backup covers; the value is always 1."""

    name = "not_measured"
    waits = True
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Collected:
        """Return a series for each such part, as the shop's own settings and models say."""
        family = GaugeMetricFamily(
            "storekeeper_not_measured",
            "A part of the shop that is neither measured nor backed up, by its kind; always 1.",
            labels=("kind", "what"),
        )
        try:
            description = self._sources.description()
        except ShopError:
            # A shop that has not answered yet is told of where it is asked.
            return Collected(families=(family,), pending=True)
        for missing in not_measured(self._sources.config, description=description):
            family.add_metric((missing.kind, missing.what), 1)
        return Collected(families=(family,))
