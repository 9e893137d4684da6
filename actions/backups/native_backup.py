"""Backups in the database's own format: SQLite's online backup, PostgreSQL's pg_dump."""

import os
import sqlite3
from pathlib import Path

from actions.action import Context, Progress
from actions.backups.json_backup import disk_errors
from actions.backups.manifest import write_manifest
from actions.backups.packing import PackedWriter, check_content, file_sums
from actions.backups.sqlite_copy import check_sqlite, copy_sqlite
from storekeeper.backups import Manifest, TableSum
from storekeeper.databases import DatabaseAddress, Engine
from storekeeper.errors import BackupRefused, ProcessFailed
from storekeeper.files import PartialFile

_CHUNK_BYTES = 1 << 20


def native_ending(address: DatabaseAddress, *, compress: bool) -> str:
    """Give the ending of the file name; pg_dump's own format is packed already."""
    if address.engine is Engine.POSTGRESQL:
        return ".dump"
    return ".sqlite3.gz" if compress else ".sqlite3"


def write_native_backup(
    address: DatabaseAddress, *, context: Context, path: Path, draft: Manifest, compress: bool
) -> Manifest:
    """
    Write the database to ``path`` in its own format and the manifest beside it; gives the manifest.

    The file appears under its name only after it was read from end to end. Raises StorekeeperError, and
    no file appears.
    """
    manifest = _write(address, context=context, path=path, draft=draft, compress=compress)
    for what, named in (("left out", manifest.left_out), ("not checked", manifest.not_checked)):
        for name, why in named.items():
            note = f"{path.name}: {what}: {name}: {why}"
            context.report(Progress(done=0, unit="tables", note=note))
    return manifest


def _write(
    address: DatabaseAddress, *, context: Context, path: Path, draft: Manifest, compress: bool
) -> Manifest:
    if address.engine is Engine.POSTGRESQL:
        # Loaded here: where every database is SQLite no one waits for the driver.
        from actions.backups.postgresql_dump import dump_postgresql, read_back

        with disk_errors(path), PartialFile(path) as file:
            server, tables, left_out, raw = dump_postgresql(
                address, config=context.config, file=file, cancelled=context.cancelled
            )
            try:
                with read_back(file.path, config=context.config, cancelled=context.cancelled):
                    sha256, size_bytes = file_sums(file.path)
            except ProcessFailed:
                _require_room(file)
                raise
            manifest = _complete(
                draft, server=server, tables=tables, sha256=sha256, size_bytes=size_bytes
            ).model_copy(update={"left_out": left_out, "raw": raw})
            file.finish(lambda _: write_manifest(path, manifest))
        return manifest
    return _write_sqlite(address, context=context, path=path, draft=draft, compress=compress)


def _require_room(file: PartialFile) -> None:
    """
    Raise the OSError of a full disk where that is what a dump is cut for.

    What pg_dump still holds in its buffer at the very end gets lost with that disk, and it reports success.
    """
    file.stream.seek(0, os.SEEK_END)
    file.stream.write(bytes(_CHUNK_BYTES))
    file.stream.flush()


def _write_sqlite(
    address: DatabaseAddress, *, context: Context, path: Path, draft: Manifest, compress: bool
) -> Manifest:
    plain = path.with_suffix("") if compress else path
    with disk_errors(path), PartialFile(plain) as copy:
        copy_sqlite(address, target=copy.path)
        checked = check_sqlite(copy.path)
        draft = draft.model_copy(update={"not_checked": checked.not_checked})
        tables = checked.tables
        if context.cancelled():
            raise BackupRefused("cancelled; no file was made")
        server = f"sqlite {sqlite3.sqlite_version}"
        content_sha256, content_bytes = file_sums(copy.path)
        if not compress:
            manifest = _complete(
                draft, server=server, tables=tables, sha256=content_sha256, size_bytes=content_bytes
            )
            copy.finish(lambda _: write_manifest(path, manifest))
            return manifest
        with PartialFile(path) as file:
            writer = PackedWriter(file.stream, compress=True)
            with copy.path.open("rb") as stream:
                while data := stream.read(_CHUNK_BYTES):
                    writer.write(data)
            writer.close()
            manifest = _complete(
                draft, server=server, tables=tables, sha256=writer.sha256, size_bytes=writer.size_bytes
            ).model_copy(update={"content_sha256": content_sha256, "content_bytes": content_bytes})

            def read_back(partial: Path) -> None:
                check_content(partial, compressed=True, sha256=content_sha256, size_bytes=content_bytes)
                write_manifest(path, manifest)

            file.finish(read_back)
    return manifest


def _complete(
    draft: Manifest, *, server: str, tables: dict[str, TableSum], sha256: str, size_bytes: int
) -> Manifest:
    return draft.model_copy(
        update={
            "server": server,
            "tables": tables,
            "sha256": sha256,
            "size_bytes": size_bytes,
            "content_sha256": sha256,
            "content_bytes": size_bytes,
        }
    )
