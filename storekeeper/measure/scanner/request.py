"""What to measure: one directory tree, and the questions that its walk answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ScanRequest:
    """
    One tree and its questions.

    ``groups`` maps a name to a folder relative to the root. ``large_over_bytes`` counts the files bigger than
    that and names the ``top`` biggest of them. With ``names`` the state holds every regular file's name, size
    and time (``listing``). ``recent_seconds``: a directory that holds a file modified
    within that time before it was read is read again by the next scan, so that rewriting a recent file in
    place is seen; 0 turns this off. ``settle_seconds``: a directory that changed that shortly before it was
    read is read again, since a second change in the same clock tick leaves no trace. ``always_read`` reads
    every directory in every scan, for files that grow in place such as logs.
    """

    root: Path
    groups: Mapping[str, str] = field(default_factory=dict)
    large_over_bytes: int | None = None
    top: int = 20
    names: bool = False
    recent_seconds: int = 86_400
    settle_seconds: float = 2.0
    always_read: bool = False


@dataclass(frozen=True, kw_only=True)
class Budget:
    """
    How much a scan may ask of the machine; None sets no limit.

    ``entries_per_second`` bounds the files looked at; ``share_of_time`` (0 to 1) is the part of the time that
    the scan works, the rest it sleeps. A scan with a budget stays in this process.
    """

    entries_per_second: float | None = None
    share_of_time: float | None = None
