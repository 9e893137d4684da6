"""Write one database as a fixture: streamed from the shop's Django, checked, and only then named."""

import datetime as dt
import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from actions.action import Context, Progress
from actions.backups.fixture_lines import SEPARATOR, FixtureLines
from actions.backups.left_out import left_out_of, sequence_losses
from actions.backups.losses import losses_of, rows_left
from actions.backups.manifest import write_manifest
from actions.backups.packing import PackedWriter, ReadBack
from actions.backups.raw_sums import RawSumsProcess
from actions.backups.reading import Reading
from actions.backups.sums_beside import SumsBeside
from storekeeper.backups import Manifest, RawSums, TableSum
from storekeeper.backups.packed_json import packed_json
from storekeeper.backups.table_names import table_name
from storekeeper.errors import BackupRefused, NotEnoughSpace
from storekeeper.files import PartialFile

LOCK_TIMEOUT_SECONDS = 20.0
# A fixture is a list with one object on each line.
_START = b"[\n"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_json_backup(
    reading: Reading,
    *,
    context: Context,
    process: RawSumsProcess,
    alias: str,
    path: Path,
    draft: Manifest,
    compress: bool,
    lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
) -> Manifest:
    """
    Write the database ``alias`` of the shop to ``path`` and its manifest beside it; gives the manifest.

    ``draft`` carries what is known before. The file appears under its name only after its bytes were
    read back from the disk and are those that were sent, each object is JSON, and the objects of each
    model are as many as the database counted: the shop's Django, and ``process`` with SQL alone. Raises
    StorekeeperError, and no file appears. Without raw sums, which the run's log tells, there is a backup too.
    """
    conversation = reading.conversation
    beside = SumsBeside(
        process,
        reading=reading,
        config=context.config,
        alias=alias,
        lock_timeout_seconds=lock_timeout_seconds,
    )
    with (
        beside,
        disk_errors(path),
        PartialFile(path) as file,
        closing(ReadBack(file.path)) as read_back,
    ):
        writer = PackedWriter(file.stream, compress=compress, proved=True)
        lines = FixtureLines()
        summary = _stream(
            conversation.stream("dump_fixture", database=alias, lock_timeout_seconds=lock_timeout_seconds),
            writer=writer,
            lines=lines,
            context=context,
        )
        writer.close()
        raw = beside.raw()
        if raw is None:
            note = f"{path.name} has no raw sums, which verify it independently: {beside.problem}"
            context.report(Progress(done=0, unit="rows", note=note))
        tables = _stored(lines.sums(summary["tables"]), stored_as=summary["stored_as"])
        if raw is not None:
            left = {label: sent.get("left_rows", 0) for label, sent in summary["tables"].items()}
            _require_equal_counts(tables, raw=raw, left=left)
        manifest = draft.model_copy(
            update={
                "snapshot": dt.datetime.fromisoformat(summary["snapshot"]),
                "server": summary["server"],
                "sha256": writer.sha256,
                "size_bytes": writer.size_bytes,
                "content_sha256": writer.content_sha256,
                "content_bytes": writer.content_bytes,
                "tables": tables,
                "raw": raw and _without(raw, summary["not_read"], tables=tables),
                "numbers": packed_json(summary["numbers"]),
                "left_out": left_out_of(raw, tables=tables, by_shop=summary["left_out"]),
                "loses": {
                    **losses_of(summary["tables"], dangling=summary["dangling"]),
                    **dict(sequence_losses(raw)),
                },
                "drift": summary["drift"],
                "lacks": rows_left(summary["tables"]),
                "django_version": summary["django_version"],
                "migrations": tuple(summary["migrations"]),
            }
        )

        def check(_: Path) -> None:
            if read_back.sums() != (writer.sha256, writer.size_bytes):
                raise BackupRefused(f"{path.name} does not lie on the disk as it was written")
            # Before the backup has its name: a crash in between leaves a manifest without a backup,
            # which the next run sweeps, and never a backup that nobody knows.
            write_manifest(path, manifest)

        file.finish(check)
    return manifest


def _without(
    raw: RawSums, columns: Mapping[str, Sequence[str]], *, tables: Mapping[str, TableSum]
) -> RawSums:
    """Return the sums without those of columns that no line holds: ``left_out`` names them."""
    changed = dict(raw.tables)
    for label, names in columns.items():
        table = raw.tables.get(tables[label].stored_as) if label in tables else None
        if table is not None:
            kept = {name: pair for name, pair in table.columns.items() if name not in names}
            changed[tables[label].stored_as] = table.model_copy(update={"columns": kept})
    return raw.model_copy(update={"tables": changed})


def _stored(tables: Mapping[str, TableSum], *, stored_as: Mapping[str, Sequence[str]]) -> dict[str, TableSum]:
    return {
        label: table.model_copy(update={"stored_as": _stored_name(*stored_as.get(label, ("", "")))})
        for label, table in tables.items()
    }


def _stored_name(schema: str, table: str) -> str:
    # SQLite has no schemas, and no name there is written in another way.
    return table_name(schema, table) if schema else table


def _require_equal_counts(tables: Mapping[str, TableSum], *, raw: RawSums, left: Mapping[str, int]) -> None:
    """Raise BackupRefused where SQL counts other rows than the shop's Django wrote or named as left."""
    for label, table in tables.items():
        counted = raw.tables.get(table.stored_as)
        if counted is not None and counted.rows != table.rows + left[label]:
            raise BackupRefused(
                f"{label}: {table.rows} rows were written, but the table {table.stored_as} has {counted.rows}"
            )


def _stream(
    answers: Iterator[Any], *, writer: PackedWriter, lines: FixtureLines, context: Context
) -> dict[str, Any]:
    """Write all lines as one list, and check them; give the summary that comes last."""
    summary: dict[str, Any] | None = None
    # A list ends without a separator: the last one that came is not written before more comes.
    separator = b""
    writer.write(_START)
    for answer in answers:
        if context.cancelled():
            raise BackupRefused("cancelled; no file was made")
        if isinstance(answer, bytes):
            writer.write(separator + lines.feed(answer)[: -len(SEPARATOR)])
            separator = SEPARATOR
        elif "table" in answer:
            lines.begin(**answer["table"])
        elif "progress" in answer:
            progress = answer["progress"]
            context.report(Progress(done=progress["done"], total=progress["total"], unit="rows"))
        else:
            summary = answer["summary"]
    if summary is None:
        raise BackupRefused("the shop ended its answer without a summary")
    writer.write(b"\n]\n" if separator else b"]\n")
    return summary


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk says while ``path`` is written into our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise NotEnoughSpace(
                f"the disk of {path.parent} became full while {path.name} was written; it was removed",
                hint="storekeeper find_large_files and prune_backups --dry-run show what takes the room",
            ) from None
        raise BackupRefused(f"{path} could not be written: {error.strerror or error}") from None
