"""Read one directory after another into records: the part of a scan that touches the disk."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from storekeeper.measure.scanner import entries, statx
from storekeeper.measure.scanner.descriptors import DirectoryOpener
from storekeeper.measure.scanner.entries import Entries
from storekeeper.measure.scanner.request import ScanRequest
from storekeeper.measure.scanner.summary import Questions, add_entries, add_problem
from storekeeper.measure.scanner.table import DirectoryRecord

# Not there, no directory any more, or replaced by a symbolic link: gone, not an error.
GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
Pace = Callable[[int], None]


class DirectoryReader:
    """
    Reads the directories of one tree for one request.

    ``started`` (seconds since 1970) stands for the moment of every reading: it is never later than the truth,
    so a directory is rather read once too often. ``pace`` is called with the number of entries after each
    batch and may sleep or raise. ``alone`` tells that no other thread of this process has anything to do.
    """

    def __init__(
        self, request: ScanRequest, *, started: float, pace: Pace | None = None, alone: bool = False
    ) -> None:
        self._request = request
        self._pace = pace
        self._recent_since = int(started) - request.recent_seconds if request.recent_seconds else None
        self._settled_before_ns = int((started - request.settle_seconds) * 1e9)
        self._opener = opener(request.root)
        self._statx = statx.StatBatch(alone=alone) if statx.available() and self._opener else None
        self.device, self.device_in_entries = self._devices()

    def __enter__(self) -> "DirectoryReader":
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._opener:
            self._opener.close()

    def read(self, path: str) -> DirectoryRecord | None:
        """
        Give the record of the directory at ``path`` (relative, ``""`` for the root), None when it is gone.

        A directory that is there but closed to us has a record with its own bytes and one error.
        """
        try:
            directory = self._directory(path)
            status = os.fstat(directory) if isinstance(directory, int) else self._status(directory)
        except OSError as error:
            return None if error.errno in GONE else self._closed(path, error)
        if status.st_dev != self.device or not stat.S_ISDIR(status.st_mode):
            return None
        record = self._record(path, status)
        try:
            batches = self._paced(directory, own_size=status.st_size)
            add_entries(record, batches, questions=self._questions)
        except OSError as error:
            add_problem(record, name="", reason=error.strerror or "unreadable")
        return record

    def require_readable(self, path: str) -> None:
        """Raise OSError when the directory cannot be listed."""
        with os.scandir(self._directory(path)) as iterator:
            next(iterator, None)

    def identities(self, paths: list[str]) -> list[tuple[int, int, int] | None]:
        """
        Give inode, modification and change time (ns) of each directory, None where that cannot be told.

        Nothing is opened or read: at worst, somebody who swaps a folder above for a link makes us ask about
        another directory, whose answer cannot be the known one.
        """
        root = self._directory("")
        if self._pace is not None:
            self._pace(len(paths))
        if self._statx is not None and isinstance(root, int):
            return self._statx.identities(
                root, [path or "." for path in paths], device=self.device_in_entries
            )
        return [self._identity(self._request.root / path) for path in paths]

    def _identity(self, path: Path) -> tuple[int, int, int] | None:
        try:
            status = self._status(path)
        except OSError:
            return None
        if status.st_dev != self.device:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns

    def _paced(self, directory: int | Path, *, own_size: int) -> Iterator[Entries]:
        if self._statx is not None and isinstance(directory, int):
            batches = self._statx.read(directory, own_size=own_size)
        else:
            batches = entries.read_portable(directory)
        for batch in batches:
            yield batch
            if self._pace is not None:
                self._pace(len(batch.names))

    def _directory(self, path: str) -> int | Path:
        if self._opener is not None:
            return self._opener.descriptor(path)
        return self._request.root / path

    def _status(self, directory: Path) -> os.stat_result:
        # The root itself may be a link: the shop's owner named it.
        return directory.stat() if directory == self._request.root else directory.lstat()

    def _closed(self, path: str, error: OSError) -> DirectoryRecord | None:
        above, _, name = path.rpartition("/")
        try:
            directory = self._directory(above)
            if isinstance(directory, int):
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            else:
                status = (directory / name).lstat()
        except OSError:
            return None
        record = self._record(path, status)
        add_problem(record, name="", reason=error.strerror or "unreadable")
        return record

    def _record(self, path: str, status: os.stat_result) -> DirectoryRecord:
        return DirectoryRecord(
            path=path,
            inode=status.st_ino,
            modified_ns=status.st_mtime_ns,
            changed_ns=status.st_ctime_ns,
            own_blocks=entries.blocks_of(status),
            again=max(status.st_mtime_ns, status.st_ctime_ns) >= self._settled_before_ns,
        )

    @cached_property
    def _questions(self) -> Questions:
        return Questions(
            root_device=self.device_in_entries,
            large_over_bytes=self._request.large_over_bytes,
            top=self._request.top,
            names=self._request.names,
            recent_since=self._recent_since,
        )

    def _devices(self) -> tuple[int, int]:
        root = self._directory("")
        device = (os.fstat(root) if isinstance(root, int) else root.stat()).st_dev
        return device, statx.device_number(device) if self._statx else device


def opener(root: Path) -> DirectoryOpener | None:
    """Give what opens directories by descriptor, None where the system cannot (Windows)."""
    if os.open in os.supports_dir_fd and os.scandir in os.supports_fd:
        return DirectoryOpener(root)
    return None
