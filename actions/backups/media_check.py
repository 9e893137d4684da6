"""Read a media backup back: each file in it has the name, the size and the sum that it was written with."""

import itertools
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from actions.backups.archive_members import Pieces, members
from actions.backups.damage import NotProved, require_whole
from actions.backups.packing import file_sums, unpacked
from actions.backups.sum_lines import sum_line
from storekeeper.backups import Manifest
from storekeeper.errors import BackupRefused


def check_media_backup(
    path: Path,
    manifest: Manifest,
    *,
    sums: Path,
    report: Callable[[int], None] = lambda done: None,
) -> None:
    """
    Unpack the archive from end to end and compare it with the manifest and the list of sums.

    ``report`` hears how many files were read.

    Raises BackupRefused for anything that is not as it was written. Memory does not grow with the archive.
    """
    pieces = Pieces(unpacked(path, compressed=True))
    done = folders = 0

    def lines_of_archive() -> Iterator[bytes]:
        nonlocal folders
        for member in members(pieces):
            if member.content is None:
                folders += 1
            else:
                yield sum_line(member.name, member.copy())

    try:
        for line, expected in itertools.zip_longest(lines_of_archive(), lines_of(sums)):
            if line != expected:
                told = (line or expected or b"").decode("utf-8", "backslashreplace").strip()
                raise BackupRefused(f"{path.name} does not hold what was written: {told}")
            done += 1
            report(done)
    except tarfile.TarError as error:
        raise BackupRefused(f"{path.name} is damaged: {error}") from None
    pieces.drain()
    written = (manifest.content_sha256, manifest.content_bytes, manifest.files, manifest.folders)
    if (pieces.sha256, pieces.size_bytes, done, folders) != written:
        raise BackupRefused(
            f"{path.name} does not hold what was written: {done} files in {folders} folders and"
            f" {pieces.size_bytes} bytes, not {manifest.files} in {manifest.folders} and"
            f" {manifest.content_bytes}"
        )
    # A bit that unpacking does not look at is damage all the same.
    if file_sums(path) != (manifest.sha256, manifest.size_bytes):
        raise BackupRefused(f"{path.name} does not lie on the disk as it was written")


def try_media(path: Path, manifest: Manifest) -> str:
    """Prove a backup by reading it; gives how. Raises NotProved, also for one that lacks files."""
    require_whole(path, manifest)
    try:
        check_media_backup(path, manifest, sums=path.with_name(manifest.sums_file))
    except BackupRefused as error:
        raise NotProved(f"{path.name}: {error.message}") from None
    except OSError as error:
        raise NotProved(f"{path.name} or its sums cannot be read: {error.strerror or error}") from None
    if manifest.lacks:
        raise NotProved(f"{path.name} is as it was written, but {manifest.lacks}")
    return "read back: every file in it has its sum"


def lines_of(sums: Path) -> Iterator[bytes]:
    """Yield the lines of a packed list of sums; raises BackupRefused for one that is damaged."""
    rest = b""
    for piece in unpacked(sums, compressed=True):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest
