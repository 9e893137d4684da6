"""
From which size on whole archives of media are the wrong choice.

An archive holds every file each time. By the shipped schedule and retention (weekly; 7 daily, 4 weekly, 12
monthly) 16 of them stay: 5 GB of files, which hardly pack, take 80 GB, and 100 GB take 1.6 TB. Restic keeps
each content once: the files that there are, and a third again for what has come and gone within the year.
"""

import datetime as dt
from pathlib import Path
from typing import Final

from actions.backups.retention import Candidate, decide
from storekeeper.config import Config, Retention
from storekeeper.errors import StorekeeperError
from storekeeper.files import Tree
from storekeeper.units import format_size

ARCHIVE_UP_TO: Final = 5_000_000_000
"""Bytes of files up to which an archive each week is a good choice."""

_RESTIC_SHARE: Final = 1.35
_YEARS: Final = 3


def archives_kept(keep: Retention) -> int:
    """Return how many weekly archives stay by a retention, once it has filled up."""
    now = dt.datetime(2026, 1, 4, 4, tzinfo=dt.UTC)
    weekly = [
        Candidate(name=str(week), created=now - dt.timedelta(weeks=week), verified=True, number=10_000 - week)
        for week in range(52 * _YEARS)
    ]
    return sum(decision.keep for decision in decide(weekly, keep=keep, now=now))


def too_large_for_archives(size_bytes: int, *, config: Config) -> str:
    """Return what whole archives of so many bytes would take in the long run, ``""`` where that is fine."""
    if config.backups.media.engine != "archive" or size_bytes <= ARCHIVE_UP_TO:
        return ""
    count = archives_kept(config.backups.media.keep or config.backups.keep)
    return (
        f"{format_size(size_bytes)} are much for whole archives: the {count} that stay would take about"
        f" {format_size(size_bytes * count)}, restic about {format_size(int(size_bytes * _RESTIC_SHARE))};"
        " write backups.media: {engine: restic}"
    )


def size_up_to_doubt(root: Path) -> int:
    """Return the bytes of the files below ``root``, counted no further than is needed; 0 where unread."""
    total = 0
    try:
        with Tree(root) as tree:
            for found in tree.walk():
                total += found.size_bytes
                if total > ARCHIVE_UP_TO:
                    break
    except (OSError, StorekeeperError):
        return 0
    return total
