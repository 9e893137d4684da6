"""Where backups come from for a recovery: a place off this machine, or a folder of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from storekeeper.backups import MANIFEST_SUFFIX, Manifest
from storekeeper.backups.manifest import read_manifest_text
from storekeeper.errors import OffsiteFailed, UnsafePath
from storekeeper.files import Tree

_READ_BYTES: Final = 1 << 20
_SMALL_BYTES: Final = 16 << 20


class Source(Protocol):
    """A folder of backups, which is only read; each method raises OffsiteFailed where it does not answer."""

    name: str

    def names(self) -> set[str]:
        """Return the names of the files."""

    def size_bytes(self, name: str) -> int | None:
        """Return the size of a file, None where there is none."""

    def read_small(self, name: str) -> bytes | None:
        """Return the content of a small file, None where there is none."""

    def read(self, name: str, *, offset: int = 0) -> Iterator[bytes]:
        """Yield the content of a file from ``offset`` on."""


class LocalFolder:
    """A folder of this machine, such as a mounted disk or the folder of the backups themselves."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise OffsiteFailed(f"{folder}: there is no such folder", hint="Is its disk mounted?")
        self.name = str(folder)
        self.folder = folder

    def names(self) -> set[str]:
        """Return the names of what lies in it."""
        with Tree(self.folder) as tree:
            return set(tree.names())

    def size_bytes(self, name: str) -> int | None:
        """Return the size of a file, None where there is no plain one."""
        with Tree(self.folder) as tree:
            found = tree.find(name)
        return found.size_bytes if found else None

    def read_small(self, name: str) -> bytes | None:
        """Return the content of a small file, None where there is none."""
        try:
            with Tree(self.folder) as tree, tree.open(name) as file:
                return file.read(_SMALL_BYTES)
        except (FileNotFoundError, UnsafePath):
            return None
        except OSError as error:
            raise OffsiteFailed(f"{self.name}: {name}: {error.strerror or error}") from None

    def read(self, name: str, *, offset: int = 0) -> Iterator[bytes]:
        """Yield the content of a file from ``offset`` on."""
        try:
            with Tree(self.folder) as tree, tree.open(name) as file:
                file.seek(offset)
                while data := file.read(_READ_BYTES):
                    yield data
        except OSError as error:
            raise OffsiteFailed(f"{self.name}: {name}: {error.strerror or error}") from None


def manifests_at(source: Source, *, shop: str = "") -> dict[str, Manifest]:
    """
    Return file name → manifest of each backup that is there; with ``shop`` only of this one.

    One whose size is not that of its manifest is passed over: it was not copied to its end.
    """
    names = source.names()
    found = {}
    for name in sorted(names):
        file = name.removesuffix(MANIFEST_SUFFIX)
        if name == file or file not in names:
            continue
        manifest = read_manifest_text(source.read_small(name), file=file)
        if manifest is not None and manifest.is_of(shop) and source.size_bytes(file) == manifest.size_bytes:
            found[file] = manifest
    return found
