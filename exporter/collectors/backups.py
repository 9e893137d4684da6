"""The backups as they lie on disk; what a run claimed to have made does not count."""

import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily

from exporter.collectors.collector import Collected
from exporter.sources import Sources
from storekeeper.errors import UnsafePath
from storekeeper.files import FoundFile, Tree

DATABASE: Final = "database"
MEDIA: Final = "media"
KINDS: Final = (DATABASE, MEDIA)
MANIFEST_SUFFIX: Final = ".manifest.json"
MANIFEST_BYTES: Final = 16 * 1024 * 1024

# The names that a backup has when it is whole; only such a file is one.
NAMES: Final = (
    (
        DATABASE,
        re.compile(r"db_backup_(\d{8}_\d{6})[\w.-]*?\.(?:json(?:\.gz|\.zst)?|dump|sqlite3(?:\.gz|\.zst)?)"),
    ),
    (MEDIA, re.compile(r"media_backup_(\d{8}_\d{6})[\w.-]*?\.tar(?:\.gz|\.zst)")),
)


@dataclass(frozen=True, kw_only=True)
class Backup:
    """
    One complete backup file: when it was made (seconds since 1970) and its bytes.

    ``verified`` is the time at which it was proven to restore, None if it never was.
    """

    name: str
    kind: str
    made: float
    size_bytes: int
    verified: float | None


def read_backups(folder: Path) -> tuple[tuple[Backup, ...], tuple[str, ...]]:
    """Give the complete backups below ``folder``, the oldest first, and the problems with others."""
    if not folder.exists():
        return (), ()
    backups = []
    problems = []
    with Tree(folder) as tree:
        for file in tree.walk():
            kind, stamp = kind_of(file.name)
            if not kind:
                continue
            manifest = read_manifest(tree, file.name)
            expected = manifest.get("size_bytes")
            if isinstance(expected, int) and expected != file.size_bytes:
                problems.append(f"{file.name} has {file.size_bytes} bytes, its manifest says {expected}")
            elif file.size_bytes:
                backups.append(
                    Backup(
                        name=file.name,
                        kind=kind,
                        made=moment_of(manifest.get("created")) or _moment_of_name(stamp, file),
                        size_bytes=file.size_bytes,
                        verified=moment_of(manifest.get("verified")),
                    )
                )
    return tuple(sorted(backups, key=lambda backup: (backup.made, backup.name))), tuple(problems)


def kind_of(name: str) -> tuple[str, str]:
    """Give the kind and the time stamp in a backup's name; both empty for any other file."""
    last = name.rpartition("/")[2]
    if last.endswith(MANIFEST_SUFFIX):
        return "", ""
    for kind, pattern in NAMES:
        if match := pattern.fullmatch(last):
            return kind, match[1]
    return "", ""


def read_manifest(tree: Tree, name: str) -> dict[str, Any]:
    """Give what the manifest beside a backup says; empty where there is none that can be read."""
    try:
        with tree.open(f"{name}{MANIFEST_SUFFIX}") as file:
            manifest = json.loads(file.read(MANIFEST_BYTES))
    except (OSError, ValueError, UnsafePath):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def moment_of(text: object) -> float | None:
    """Give the time that an ISO text means; without zone it is UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _moment_of_name(stamp: str, file: FoundFile) -> float:
    """Give the time in the name, of this machine's zone, or the file's own where that is earlier."""
    modified = file.modified_ns / 1e9
    try:
        named = dt.datetime.strptime(stamp, "%Y%m%d_%H%M%S").astimezone().timestamp()
    except ValueError:
        return modified
    # A copy has a new mtime, a name may be of another zone: the earlier one never flatters.
    return min(named, modified)


class BackupsCollector:
    """Expose number, age and size of the backups of databases and media."""

    name = "backups"
    waits = True
    jobs = ()

    def __init__(self, sources: Sources) -> None:
        self._folder = sources.config.backups.path

    def collect(self) -> Collected:
        """Read the folder; a kind without backups has the number 0 and no time."""
        backups, problems = read_backups(self._folder)
        return Collected(families=tuple(families_of(backups)), problems=problems)


def families_of(backups: Sequence[Backup]) -> Iterator[GaugeMetricFamily]:
    """Give the families for backups in the order of their age."""
    labels = ("kind",)
    number = GaugeMetricFamily("storekeeper_backups", "Complete backups on disk.", labels=labels)
    size = GaugeMetricFamily(
        "storekeeper_backup_size_bytes", "Bytes of the newest complete backup.", labels=labels
    )
    success = GaugeMetricFamily(
        "storekeeper_backup_last_success_timestamp_seconds",
        "When the newest complete backup was made, in seconds since 1970.",
        labels=labels,
    )
    verified = GaugeMetricFamily(
        "storekeeper_backup_last_verified_timestamp_seconds",
        "When the newest backup that is proven to restore was made, in seconds since 1970.",
        labels=labels,
    )
    by_kind = {kind: [backup for backup in backups if backup.kind == kind] for kind in KINDS}
    for kind, found in by_kind.items():
        number.add_metric((kind,), len(found))
        if found:
            size.add_metric((kind,), found[-1].size_bytes)
            success.add_metric((kind,), found[-1].made)
        proven = [backup.made for backup in found if backup.verified is not None]
        if proven:
            verified.add_metric((kind,), max(proven))
    yield from (number, size, success, verified)
