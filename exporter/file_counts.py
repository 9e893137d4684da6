"""What a comparison of files with rows found: values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LIVE: Final = "live"
EXPIRED: Final = "expired"
ORPHANED: Final = "orphaned"
REPLACED: Final = "replaced"
STATES: Final = (LIVE, EXPIRED, ORPHANED)


@dataclass(frozen=True, kw_only=True)
class FileCount:
    """A number of files (or of codes) and the bytes of the files."""

    files: int = 0
    size_bytes: int = 0

    def __add__(self, other: "FileCount") -> "FileCount":
        return FileCount(files=self.files + other.files, size_bytes=self.size_bytes + other.size_bytes)


@dataclass(frozen=True, kw_only=True)
class FilesUsage:
    """
    What the comparison found: ``orphans`` by area, ``codes`` by kind and state.

    ``replaced`` are, by area, the originals of images that optimize_images keeps for the way back.
    Files of a kind of QR code are counted there and are not orphans of their area besides.
    """

    orphans: Mapping[str, FileCount]
    codes: Mapping[tuple[str, str], FileCount]
    replaced: Mapping[str, FileCount]


class Tally:
    """Adds up counts by label."""

    def __init__(self, labels: list[tuple[str, str]]) -> None:
        """Begin every label at nothing, so that each has a count in the end."""
        self._numbers = {label: [0, 0] for label in labels}

    def add(self, label: tuple[str, str], *, files: int = 1, size_bytes: int = 0) -> None:
        """Add to a label."""
        numbers = self._numbers[label]
        numbers[0] += files
        numbers[1] += size_bytes

    def counts(self) -> dict[tuple[str, str], FileCount]:
        """Give the sums."""
        return {
            label: FileCount(files=files, size_bytes=size) for label, (files, size) in self._numbers.items()
        }
