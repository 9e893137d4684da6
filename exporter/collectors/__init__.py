"""The collectors: one noun of the metrics page each, all in this table."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from exporter.collectors.areas import AreasCollector
from exporter.collectors.build import BuildCollector
from exporter.collectors.collector import Collected, Collector
from exporter.collectors.databases import DatabasesCollector
from exporter.collectors.disks import DisksCollector
from exporter.sources import Sources

COLLECTORS: Final[Mapping[str, Callable[[Sources], Collector]]] = MappingProxyType(
    {
        "areas": AreasCollector,
        "build": BuildCollector,
        "databases": DatabasesCollector,
        "disks": DisksCollector,
    }
)

__all__ = ["COLLECTORS", "Collected", "Collector"]
