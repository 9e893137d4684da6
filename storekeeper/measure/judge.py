"""
In which folders an unnamed file may be called an orphan: only where it is known how uploads come there.

A folder is judged where an upload may lie right in it by the shape of an ``upload_to``, where the config
lists it as ``uploads``, or where rows of file fields name files in it. The roots of storages are never
judged; nor are folders whose name begins with a dot, caches of image packages, static files, logs and other
areas. A constant folder in which no row names any file is not judged either: its rows may be missing, or it
has another maker.
"""

from collections.abc import Collection
from dataclasses import dataclass

from storekeeper.shop.uploads import Uploads


@dataclass(frozen=True, kw_only=True)
class Judged:
    """
    A folder that is judged; ``base`` is its name in approvals.

    ``by_rows`` is true where nothing but rows speaks for it: others may write there, too. ``open`` is true
    where no ``upload_to`` explains each folder down to it.
    """

    base: str
    by_rows: bool = False
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class LeftAlone:
    """A folder whose unnamed files stay, and why."""

    reason: str


class Judge:
    """Answers for one area; ``named_folders`` are those in which rows of file fields name files now."""

    def __init__(self, uploads: Uploads, *, named_folders: Collection[str]) -> None:
        self._uploads = uploads
        self._named = frozenset(named_folders)
        self._above_named = {above for folder in named_folders for above in ("", *_with_parents(folder))}

    def of(self, folder: str) -> Judged | LeftAlone:
        """Return what is known of a folder, a path below the area, ``""`` for the area itself."""
        if any(part.startswith(".") for part in folder.split("/") if part):
            return LeftAlone(reason="hidden")
        for above in _with_parents(folder):
            reason = self._uploads.others.get(above) or self._cache_name(above)
            if reason:
                return LeftAlone(reason=reason)
        for listed in self._uploads.listed:
            if folder == listed or folder.startswith(f"{listed}/"):
                return Judged(base=listed, open=True)
        if folder in self._uploads.roots:
            return LeftAlone(reason="root of a storage")
        explained = False
        for shape in self._uploads.shapes:
            if not shape.explains(folder):
                continue
            explained = True
            if folder in self._named if shape.base is None else shape.base in self._above_named:
                return Judged(base=shape.name)
        if folder in self._named:
            return Judged(base=self._base_above(folder), by_rows=True, open=True)
        if explained:
            return LeftAlone(reason="no row names a file there")
        return LeftAlone(reason="no upload_to says it, and no row names a file there")

    def _cache_name(self, folder: str) -> str:
        """Return whose cache a folder is by its name, ``""`` where it is none."""
        for name, reason in self._uploads.cache_names.items():
            if folder == name or folder.endswith(f"/{name}"):
                return reason
        return ""

    def _base_above(self, folder: str) -> str:
        """Return by which name a folder of rows is approved: that of the uploads that it lies in."""
        bases = [
            shape.base
            for shape in self._uploads.shapes
            if shape.base is not None and (shape.base in ("", folder) or folder.startswith(f"{shape.base}/"))
        ]
        return max(bases, key=len) if bases else folder.partition("/")[0]


def _with_parents(folder: str) -> list[str]:
    """Return the folder and those above it, without the area itself unless it is the folder."""
    parts = folder.split("/")
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
