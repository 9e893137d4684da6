"""A folder of ours that is being filled: each name is new, and none is reached through a link."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from storekeeper.errors import UnsafePath
from storekeeper.files.place import Place
from storekeeper.files.root import Root

_NEW_FLAGS: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
# A file's own rights alone; folders also keep the mark that gives their group to what is made in them.
_FILE_MODE: Final = 0o777
_FOLDER_MODE: Final = 0o2777
# Separators that another system's archive may hold in what is one name here.
_FOREIGN: Final = (
    tuple(mark for mark in (os.sep, os.altsep or "", ":") if mark not in ("", "/"))
    if (os.name == "nt")
    else ()
)


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What a file or folder had: rights, owner and group by number, and its last change in nanoseconds."""

    mode: int
    owner: int
    group: int
    modified_ns: int


class NewTree(Root):
    """
    Folders and files below a root that is ours alone.

    Every method raises UnsafePath for a name that does not stay below the root, FileExistsError for one that
    is there, and the system's other OSErrors. Folders get their attributes in ``finish``, last.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._attributes: dict[str, Attributes] = {}
        self._current: tuple[str, Place] | None = None

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        super().__exit__(error_type, error, traceback)

    def add_folder(self, name: str, attributes: Attributes) -> None:
        """Make a folder; ``""`` is the root itself, which is there."""
        if name:
            folder, last = self._enter(name)
            os.mkdir(folder.path(last), 0o700, dir_fd=folder.descriptor)
        self._attributes[name] = attributes

    @contextmanager
    def create(self, name: str, attributes: Attributes) -> Iterator[Callable[[bytes], object]]:
        """Give the function that writes a new file; it has its attributes when the block has ended."""
        folder, last = self._enter(name)
        descriptor = os.open(folder.path(last), _NEW_FLAGS, 0o600, dir_fd=folder.descriptor)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream.write
            stream.flush()
            _give(stream.fileno(), attributes, mode=attributes.mode & _FILE_MODE)

    def finish(self) -> None:
        """Give the folders their attributes, the deepest first, and bring everything to the disk."""
        self._leave()
        for name, attributes in sorted(self._attributes.items(), key=lambda one: -one[0].count("/")):
            if name:
                self._finish_folder(name, attributes)
        if "" in self._attributes:
            self._finish_folder("", self._attributes[""])
        if hasattr(os, "sync"):
            os.sync()

    def _finish_folder(self, name: str, attributes: Attributes) -> None:
        with self._folder(name) as folder:
            target = folder.folder if folder.descriptor is None else folder.descriptor
            _give(target, attributes, mode=attributes.mode & _FOLDER_MODE)

    def _enter(self, name: str) -> tuple[Place, str]:
        """Return the open folder of a name, and its last part; the folder stays open for the next name."""
        parent, _, last = name.rpartition("/")
        self._check_last(name, last)
        if any(mark in name for mark in _FOREIGN):
            raise UnsafePath(f"{name!r} is not the name of a file below {self.root}")
        if self._current is None or self._current[0] != parent:
            self._leave()
            self._current = parent, self._place(parent)
        return self._current[1], last

    def _leave(self) -> None:
        if self._current is not None:
            self._current[1].close()
            self._current = None


def _give(target: int | Path, attributes: Attributes, *, mode: int) -> None:
    """Give an open file or folder what it had; only root may give away, everybody else is the owner."""
    if os.chown in os.supports_fd or isinstance(target, Path):
        with suppress(PermissionError, AttributeError):
            os.chown(target, attributes.owner, attributes.group)
    if os.chmod in os.supports_fd or isinstance(target, Path):
        os.chmod(target, mode)  # noqa: PTH101 - it may be a descriptor
    if os.utime in os.supports_fd or isinstance(target, Path):
        os.utime(target, ns=(attributes.modified_ns, attributes.modified_ns))
