"""Write an area's files as one archive: streamed, read back from the disk, and only then named."""

import os
from pathlib import Path
from typing import Final

from actions.action import Context, Progress
from actions.backups.json_backup import disk_errors
from actions.backups.manifest import write_manifest
from actions.backups.media_check import check_media_backup
from actions.backups.packing import PackedWriter
from actions.backups.sum_lines import sum_line
from actions.backups.tally import Tally
from actions.backups.tar_stream import TarStream
from storekeeper.backups import SUMS_SUFFIX, Manifest
from storekeeper.errors import BackupRefused, UnsafePath
from storekeeper.files import PartialFile, Tree
from storekeeper.files.reasons import reason_of

VERIFIED_BY: Final = "backup_media, which read it back"

_REPORT_FILES: Final = 100


def write_media_backup(
    root: Path, *, context: Context, path: Path, draft: Manifest, expected_files: int
) -> Manifest:
    """
    Write the files below ``root`` to ``path``, sums and manifest beside it; gives the manifest.

    In the archive they lie in a folder named as the root, so that unpacking it where the root's folder was
    restores them. ``expected_files`` is about how many there are. The archive appears under its name only
    after every file in it was read back with its sum. When something could not be read, the archive is
    kept, but does not count as verified. Raises StorekeeperError, and no file appears.
    """
    sums_path = path.with_name(path.name + SUMS_SUFFIX)
    tally = Tally.of(context.config, root=root)
    with disk_errors(path), PartialFile(path) as file, PartialFile(sums_path) as sums_file:
        archive = PackedWriter(file.stream, compress=True)
        sums = PackedWriter(sums_file.stream, compress=True)
        _store_all(root, archive=archive, sums=sums, tally=tally, context=context, expected=expected_files)
        archive.close()
        sums.close()
        sums_file.stream.flush()
        if tally.missing and not tally.files:
            raise BackupRefused(
                f"no file below {root} could be read: {tally.first_missing}",
                hint="Run it as a user who may read the files",
            )
        manifest = _complete(draft, tally=tally, archive=archive, sums_file=sums_path.name, context=context)

        def read_back(partial: Path) -> None:
            check_media_backup(
                partial,
                manifest,
                sums=sums_file.path,
                report=lambda done: _look_up(context, tally.files + done, total=2 * tally.files),
            )
            # Before the backup has its name: a crash in between leaves sums and a manifest without a
            # backup, which the next run sweeps, and never a backup that nobody knows.
            sums_file.finish()
            try:
                write_manifest(path, manifest)
            except OSError:
                sums_path.unlink()
                raise

        file.finish(read_back)
    return manifest


def _store_all(
    root: Path,
    *,
    archive: PackedWriter,
    sums: PackedWriter,
    tally: Tally,
    context: Context,
    expected: int,
) -> None:
    stream = TarStream(archive.write)

    def store_folder(name: str, status: os.stat_result) -> None:
        stream.add_folder(status, name=f"{root.name}/{name}" if name else root.name)
        tally.folders += 1

    with Tree(root) as tree:
        for found in tree.walk(passed_over=tally.leave_out, entered=store_folder):
            try:
                file = tree.open(found.name)
            except (OSError, UnsafePath) as error:
                tally.leave_out(found.name, reason_of(error))
                continue
            name = f"{root.name}/{found.name}"
            with file:
                stored = stream.add(file, name=name)
            sums.write(sum_line(name, stored.sha256))
            tally.files += 1
            if stored.changed:
                tally.note_change(found.name, stored.changed)
            # Half of the work is to read it all back.
            _look_up(context, tally.files, total=2 * max(expected, tally.files))
    stream.close()


def _look_up(context: Context, done: int, *, total: int) -> None:
    """Tell how far it has come, and stop where somebody asked for it; not for each single file."""
    if done % _REPORT_FILES and done != total:
        return
    if context.cancelled():
        raise BackupRefused("cancelled; no file was made")
    context.report(Progress(done=done, total=total, unit="files"))


def _complete(
    draft: Manifest, *, tally: Tally, archive: PackedWriter, sums_file: str, context: Context
) -> Manifest:
    lacks = tally.lacks
    whole = not lacks
    return draft.model_copy(
        update={
            "sha256": archive.sha256,
            "size_bytes": archive.size_bytes,
            "content_sha256": archive.content_sha256,
            "content_bytes": archive.content_bytes,
            "files": tally.files,
            "folders": tally.folders,
            "left_out": tally.left_out,
            "left_out_files": tally.left_out_files,
            "changed": tally.changed,
            "changed_files": tally.changed_files,
            "sums_file": sums_file,
            "verified": context.now() if whole else None,
            "verified_by": VERIFIED_BY if whole else "",
            "verification_error": lacks,
            "lacks": lacks,
        }
    )
