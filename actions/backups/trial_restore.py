"""Restore a backup into a scratch database and compare every table with the manifest."""

from pathlib import Path
from typing import Literal

from actions.action import Context, Progress
from actions.backups.native_backup import check_sqlite
from actions.backups.packing import file_sums, unpacked
from actions.backups.postgresql_dump import count_rows, restore_postgresql
from actions.backups.scratch_database import scratch_database
from actions.scope import Database
from storekeeper.backups import Manifest, TableSum
from storekeeper.databases import Engine, connect_postgresql
from storekeeper.errors import BackupRefused, DatabaseUnavailable, ProcessFailed, ShopError
from storekeeper.shop.shop import Conversation


class NotProved(BackupRefused):
    """The trial was made, and the backup did not stand it."""


Loader = Literal["auto", "loaddata", "batches"]

# loaddata itself, as long as that is a matter of minutes: it asks the database twice for every row.
LOADDATA_ROWS = 25_000
# The database's words about rows, not about itself.
_ROWS_AT_FAULT = ("IntegrityError", "DataError")
# What the restored tables and their indexes take, for each byte of JSON.
_DATABASE_SHARE = 2.5


def choose_loader(loader: Loader, *, rows: int) -> str:
    """Give the loader that is used for so many rows."""
    if loader != "auto":
        return loader
    return "loaddata" if rows <= LOADDATA_ROWS else "batches"


def require_whole(backup: Path, manifest: Manifest) -> None:
    """Raise NotProved unless the file is, byte for byte, the one that the manifest speaks of."""
    found = file_sums(backup)
    if found != (manifest.sha256, manifest.size_bytes):
        raise NotProved(
            f"{backup.name} is damaged: {found[1]} bytes with another checksum than the manifest's"
            f" ({manifest.size_bytes} bytes)"
        )


def try_restore(
    backup: Path, manifest: Manifest, *, context: Context, database: Database, loader: Loader
) -> str:
    """
    Prove that the backup restores to exactly what it was made from; gives how that was proved.

    Raises NotProved for a backup that is damaged or restores to something else, and other
    StorekeeperErrors where the trial itself could not be made.
    """
    require_whole(backup, manifest)
    folder = context.config.state / "scratch"
    needed = int(manifest.content_bytes * (_DATABASE_SHARE if manifest.format == "json" else 1.2))
    with scratch_database(
        database.address, folder=folder, needed_bytes=needed, shop=context.config.shop
    ) as scratch:
        if manifest.format == "json":
            if database.alias is None:
                raise BackupRefused(f"{backup.name}: the shop's Django does not know {database.name}")
            used = choose_loader(loader, rows=manifest.rows)
            with context.shop.talk() as conversation:
                name = str(scratch.path) if scratch.path else scratch.parameters["dbname"]
                conversation.ask("enter_scratch", database=database.alias, name=name)
                load_fixture(
                    conversation,
                    context=context,
                    alias=database.alias,
                    backup=backup,
                    manifest=manifest,
                    loader=used,
                )
            return f"restored by {used} into a scratch database; every row compared"
        if scratch.engine is Engine.SQLITE:
            assert scratch.path is not None
            with scratch.path.open("wb") as stream:
                for data in unpacked(backup, compressed=backup.suffix == ".gz"):
                    stream.write(data)
            found = check_sqlite(scratch.path)
        else:
            try:
                restore_postgresql(backup, address=scratch, config=context.config)
            except ProcessFailed as error:
                raise NotProved(f"{backup.name} cannot be restored: {error.message}") from None
            with connect_postgresql(scratch, timeout_seconds=3600) as connection:
                found = count_rows(connection)
        _require_same_rows(backup, expected=manifest.tables, found=found)
        return "restored into a scratch database; the rows of every table counted"


def load_fixture(
    conversation: Conversation,
    *,
    context: Context,
    alias: str,
    backup: Path,
    manifest: Manifest,
    loader: str,
) -> None:
    """
    Restore a fixture through the shop's Django and compare every row.

    Raises NotProved for a fixture that cannot be loaded or restores to something else; whatever was
    loaded is rolled back then.
    """
    differences: list[str] | None = None
    answers = conversation.stream(
        "restore_fixture",
        database=alias,
        path=str(backup.absolute()),
        loader=loader,
        tables={label: table.model_dump() for label, table in manifest.tables.items()},
    )
    try:
        for answer in answers:
            if context.cancelled():
                raise BackupRefused("cancelled")
            if "progress" in answer:
                context.report(Progress(done=answer["progress"]["done"], total=manifest.rows, unit="rows"))
            else:
                differences = answer["differences"]
    except (ShopError, DatabaseUnavailable) as error:
        if isinstance(error, DatabaseUnavailable) and not error.message.startswith(_ROWS_AT_FAULT):
            raise
        raise NotProved(f"{backup.name} cannot be loaded: {error.message}") from None
    if differences:
        shown = "; ".join(differences[:5]) + ("; …" if len(differences) > 5 else "")
        raise NotProved(f"{backup.name} restores to something else than it was made from: {shown}")
    if differences is None:
        raise BackupRefused(f"{backup.name}: the shop ended its answer without a result")


def _require_same_rows(backup: Path, *, expected: dict[str, TableSum], found: dict[str, TableSum]) -> None:
    differences = [
        f"{name}: {found[name].rows if name in found else 'no'} rows, not {table.rows}"
        for name, table in expected.items()
        if name not in found or found[name].rows != table.rows
    ]
    if differences:
        raise NotProved(f"{backup.name} restores to something else: {'; '.join(differences[:5])}")
