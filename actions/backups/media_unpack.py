"""Unpack a backup of media into an empty folder of ours, each file compared with its sum as it is written."""

import itertools
import tarfile
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path

from actions.backups.archive_members import Member, Pieces, members
from actions.backups.damage import NotProved, require_whole
from actions.backups.json_backup import disk_errors
from actions.backups.media_check import lines_of
from actions.backups.packing import unpacked
from actions.backups.sum_lines import readable, sum_line
from storekeeper.backups import Manifest
from storekeeper.errors import BackupRefused, UnsafePath
from storekeeper.files.new_tree import Attributes, NewTree


def unpack_media(
    path: Path,
    manifest: Manifest,
    *,
    into: Path,
    report: Callable[[int], None] = lambda done: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """
    Write every file of the archive below ``into``; return how many there are. ``report`` is called with it.

    The first part of the names, the folder that was backed up, is left out. Raises NotProved for an archive
    that is not, byte for byte, what was written, or whose files differ from the list of sums; BackupRefused
    for a name that leads out of the folder, comes twice, or is of a link or a device; NotEnoughSpace.
    """
    require_whole(path, manifest)
    sums = lines_of(path.with_name(manifest.sums_file))
    pieces = Pieces(unpacked(path, compressed=True))
    done = folders = 0
    with disk_errors(into), NewTree(into) as tree:
        try:
            for member in members(pieces):
                if cancelled():
                    raise BackupRefused("cancelled; nothing was restored")
                if member.content is None:
                    _unpack(member, tree=tree)
                    folders += 1
                    continue
                line = _unpack(member, tree=tree)
                if line != next(sums, None):
                    raise NotProved(
                        f"{path.name}: {readable(member.name)!r} has another sum than was written"
                    )
                done += 1
                report(done)
        except tarfile.TarError as error:
            raise NotProved(f"{path.name} is damaged: {error}") from None
        pieces.drain()
        left = sum(1 for _ in itertools.islice(sums, 1))
        if left or (done, folders, pieces.sha256) != (
            manifest.files,
            manifest.folders,
            manifest.content_sha256,
        ):
            raise NotProved(
                f"{path.name} does not hold what was written: {done} files in {folders} folders, not"
                f" {manifest.files} in {manifest.folders}"
            )
        tree.finish()
    return done


def _unpack(member: Member, *, tree: NewTree) -> bytes:
    """Write one member; return its line of sums, empty for a folder."""
    _, _, name = member.name.rstrip("/").partition("/")
    first = member.name.partition("/")[0]
    try:
        if first in ("", ".", ".."):
            raise UnsafePath(f"{member.name!r} does not stay below a folder")
        if member.content is None:
            tree.add_folder(name, _attributes(member.info))
            return b""
        with tree.create(name, _attributes(member.info)) as write:
            sha256 = member.copy(write)
    except (UnsafePath, FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        told = error.message if isinstance(error, UnsafePath) else error.strerror
        raise BackupRefused(
            f"the archive holds {readable(member.name)!r}, which cannot be restored: {told}"
        ) from None
    return sum_line(member.name, sha256)


def _attributes(info: tarfile.TarInfo) -> Attributes:
    try:
        # As it is written: a float has no room for nanoseconds.
        modified_ns = int(Decimal(info.pax_headers.get("mtime", str(info.mtime))).scaleb(9))
    except (InvalidOperation, ValueError):
        modified_ns = int(info.mtime) * 1_000_000_000
    return Attributes(mode=info.mode, owner=info.uid, group=info.gid, modified_ns=modified_ns)
