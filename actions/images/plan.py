"""What optimize_images would change, what it leaves alone and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from storekeeper.files import FoundFile
from storekeeper.units import format_size


@dataclass(frozen=True, kw_only=True)
class PlannedImage:
    """
    An image and what takes its place: ``last``, a new name in the same folder, and how large that is.

    ``data`` is the new content, or None where it would take too much memory and is encoded once more. A
    ``video`` is encoded by the run alone, since that takes minutes; ``size_bytes`` are the most it may get.
    """

    file: FoundFile
    last: str
    size_bytes: int
    rows: int
    video: bool = False
    data: bytes | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Give the new name below the root."""
        folder, slash, _ = self.file.name.rpartition("/")
        return f"{folder}{slash}{self.last}"


@dataclass(frozen=True, kw_only=True)
class LeftImage:
    """An image above the size that stays as it is."""

    file: FoundFile
    why: str


@dataclass(frozen=True, kw_only=True)
class ImagePlan:
    """
    ``videos`` are told, not changed; those to be changed are among ``images``, after the pictures.

    ``unfinished`` counts what a killed run has left to be settled.
    """

    area: str
    images: tuple[PlannedImage, ...] = ()
    left: tuple[LeftImage, ...] = ()
    videos: tuple[FoundFile, ...] = ()
    unfinished: int = 0
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """True when there is nothing to do."""
        return not (self.images or self.unfinished)

    @property
    def old_bytes(self) -> int:
        """Give the size of the images as they are."""
        return sum(image.file.size_bytes for image in self.images)

    @property
    def new_bytes(self) -> int:
        """Give the size of what takes their place."""
        return sum(image.size_bytes for image in self.images)

    @property
    def summary(self) -> str:
        """One sentence: how many images, from what to what, and when that frees anything."""
        if self.images:
            most = "at most " if any(image.video for image in self.images) else ""
            parts = [
                f"{counted(self.images)} ({format_size(self.old_bytes)}) would become"
                f" {most}{format_size(self.new_bytes)}; will free {format_size(self.old_bytes)} when"
                " cleanup_orphaned_media removes the originals"
            ]
        else:
            parts = ["no image is to change"]
        if self.left:
            parts.append(f"{len(self.left)} are left alone")
        if self.videos:
            size_bytes = sum(video.size_bytes for video in self.videos)
            parts.append(f"{len(self.videos)} videos ({format_size(size_bytes)}) stay as they are")
        if self.unfinished:
            parts.append(f"{self.unfinished} images of an interrupted run are to be settled")
        return "; ".join([*parts, *self.notes])

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table for a person: the file, its size, its new size, what happens."""
        table: list[tuple[str, ...]] = [("file", "size", "new size", "what")]
        for image in self.images:
            new = f"{'at most ' if image.video else ''}{format_size(image.size_bytes)}"
            table.append((image.file.name, format_size(image.file.size_bytes), new, f"→ {image.last}"))
        others = [(left.file, f"left alone: {left.why}") for left in self.left]
        others += [(video, "a video: not touched") for video in self.videos]
        table += [(file.name, format_size(file.size_bytes), "", what) for file, what in others]
        return table

    def as_json(self) -> dict[str, Any]:
        """Give every image with what becomes of it."""
        return {
            "summary": self.summary,
            "area": self.area,
            "old_bytes": self.old_bytes,
            "new_bytes": self.new_bytes,
            "unfinished": self.unfinished,
            "notes": list(self.notes),
            "items": [
                {
                    "file": image.file.name,
                    "size_bytes": image.file.size_bytes,
                    "new_file": image.name,
                    "new_size_bytes": image.size_bytes,
                    "video": image.video,
                    "rows": image.rows,
                }
                for image in self.images
            ],
            "left": [
                {"file": left.file.name, "size_bytes": left.file.size_bytes, "why": left.why}
                for left in self.left
            ],
            "videos": [{"file": video.name, "size_bytes": video.size_bytes} for video in self.videos],
        }


def counted(images: Sequence[PlannedImage]) -> str:
    """Give how many pictures and videos these are, in words."""
    videos = sum(image.video for image in images)
    parts = [f"{len(images) - videos} images"] if len(images) > videos or not videos else []
    if videos:
        parts.append(f"{videos} videos")
    return " and ".join(parts)
