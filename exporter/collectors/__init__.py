"""The collectors: one noun of the metrics page each, all in this table."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from exporter.collectors.areas import AreasCollector
from exporter.collectors.backups import BackupsCollector
from exporter.collectors.build import BuildCollector
from exporter.collectors.collector import Collected, Collector
from exporter.collectors.databases import DatabasesCollector
from exporter.collectors.disks import DisksCollector
from exporter.collectors.log_messages import LogMessagesCollector
from exporter.collectors.not_measured import NotMeasuredCollector
from exporter.collectors.orphans import OrphansCollector
from exporter.collectors.qr_codes import QrCodesCollector
from exporter.collectors.recovery import RecoveryCollector
from exporter.collectors.storage import StorageCollector
from exporter.collectors.tables import TablesCollector
from exporter.sources import Sources

COLLECTORS: Final[Mapping[str, Callable[[Sources], Collector]]] = MappingProxyType(
    {
        "areas": AreasCollector,
        "backups": BackupsCollector,
        "build": BuildCollector,
        "databases": DatabasesCollector,
        "disks": DisksCollector,
        "log_messages": LogMessagesCollector,
        "not_measured": NotMeasuredCollector,
        "orphans": OrphansCollector,
        "qr_codes": QrCodesCollector,
        "recovery": RecoveryCollector,
        "storage": StorageCollector,
        "tables": TablesCollector,
    }
)

__all__ = ["COLLECTORS", "Collected", "Collector"]
