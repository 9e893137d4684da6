"""The bars of the page: how full everything with a limit is."""

import logging
from dataclasses import dataclass
from typing import Final

from actions.resources import BACKUPS, DATABASE, DISK, STORAGE, Resource, mountpoints
from actions.usage import UsageReader
from storekeeper.config import Config
from storekeeper.errors import StorekeeperError

logger = logging.getLogger(__name__)

# The guide's thresholds, from the worst down.
LEVELS: Final = ((0.95, "emergency"), (0.90, "critical"), (0.80, "warning"))


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One bar; ``level`` is a word besides the colour, ``ratio`` None where it cannot be read now."""

    name: str
    used_bytes: int = 0
    capacity_bytes: int = 0
    ratio: float | None = None
    level: str = "fine"


def read_gauges(config: Config, *, usage: UsageReader) -> tuple[Gauge, ...]:
    """Give a gauge for each database, area and disk with a limit, and for all of it together."""
    resources = [
        *(Resource(kind=DATABASE, name=name) for name in config.databases),
        *(Resource(kind=name) for name in config.areas),
        *([] if BACKUPS in config.areas else [Resource(kind=BACKUPS)]),
        Resource(kind=STORAGE),
        *(Resource(kind=DISK, name=str(path)) for path in mountpoints(config)),
    ]
    return tuple(gauge for resource in resources if (gauge := _gauge(resource, usage=usage)))


def _gauge(resource: Resource, *, usage: UsageReader) -> Gauge | None:
    name = " ".join(part for part in (resource.kind, resource.name) if part)
    try:
        found = usage.read(resource)
    except (StorekeeperError, OSError) as error:
        logger.warning("the usage of %s cannot be read: %s", name, error)
        return Gauge(name=name, level="unknown")
    if found is None:
        return None
    level = next((word for limit, word in LEVELS if found.ratio > limit), "fine")
    return Gauge(
        name=name,
        used_bytes=found.used_bytes,
        capacity_bytes=found.capacity_bytes,
        ratio=found.ratio,
        level=level,
    )
