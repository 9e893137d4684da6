"""The metrics of the watch over the config file."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric


def config_families(successful: bool, moment: float) -> Iterator[Metric]:
    """Give how the last reading of the config file went."""
    yield GaugeMetricFamily(
        "storekeeper_config_last_reload_successful",
        "1 when the config file, as it is now, is in use; 0 when it is broken and the one before is.",
        value=int(successful),
    )
    yield GaugeMetricFamily(
        "storekeeper_config_last_reload_success_timestamp_seconds",
        "When the config in use was read, in seconds since 1970.",
        value=moment,
    )
