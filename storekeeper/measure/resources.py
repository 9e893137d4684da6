"""What an alert is about: a resource of the config, named by labels that only choose among known names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from storekeeper.config import Config
from storekeeper.measure.disks import mountpoint_of

DATABASE = "database"
DISK = "disk"
STORAGE = "storage"
BACKUPS = "backups"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A kind such as ``media``, ``disk`` or ``database``, and which one of them where there are several."""

    kind: str = ""
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


def resource_of(labels: Mapping[str, str], *, config: Config) -> Resource:
    """
    Return what the labels speak of; alerts about backups say ``kind``, those about one area ``area``.

    A ``kind`` of QR codes is about the area in which they lie. The result may be empty (an alert about no
    resource) or unknown to the config.
    """
    kind = labels.get("resource") or labels.get("area") or labels.get("kind") or ""
    if kind in config.qr_codes and kind not in config.areas:
        return Resource(kind=config.qr_codes[kind].area)
    if kind == DATABASE:
        return Resource(kind=kind, name=labels.get("database", ""))
    if kind == DISK:
        return Resource(kind=kind, name=labels.get("mountpoint", ""))
    return Resource(kind=kind)


def parse_resource(text: str) -> Resource:
    """Give the resource that was written as ``str(resource)``."""
    kind, _, name = text.partition(":")
    return Resource(kind=kind, name=name)


def is_known(resource: Resource, config: Config) -> bool:
    """Tell whether the config has this resource; an alert about none is known."""
    if resource.kind == DATABASE:
        return not resource.name or resource.name in config.databases
    if resource.kind == DISK:
        return not resource.name or Path(resource.name) in mountpoints(config)
    return resource.kind in ("", STORAGE, BACKUPS) or resource.kind in config.areas


def mountpoints(config: Config) -> tuple[Path, ...]:
    """Return where the filesystems are mounted that hold the shop and us, or those that the config names."""
    if config.disks == "auto":
        areas = (area.path for area in config.areas.values())
        paths = [config.project, config.backups.path, config.state, *areas]
    else:
        paths = list(config.disks)
    return tuple(dict.fromkeys(mountpoint_of(path) for path in paths))
