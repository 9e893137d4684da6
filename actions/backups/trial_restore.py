"""Restore a backup into a scratch database and compare every table with the manifest."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from actions.action import Context, Progress
from actions.backups.damage import NotProved, require_rows, require_whole
from actions.backups.fixture_restore import load_fixture
from actions.backups.postgresql_dump import count_rows
from actions.backups.postgresql_restore import restore_postgresql
from actions.backups.raw_comparison import compare_native, compare_raw
from actions.backups.scratch_database import scratch_database
from actions.backups.sqlite_copy import unpack_sqlite
from actions.scope import Database
from storekeeper.backups import Manifest
from storekeeper.config import Config
from storekeeper.databases import DatabaseAddress, Engine, connect_postgresql
from storekeeper.databases.resolve import resolve_server
from storekeeper.errors import BackupRefused, DatabaseUnavailable, ShopError
from storekeeper.files.private import make_private_folder

Loader = Literal["auto", "loaddata", "batches"]

# loaddata itself, as long as that is a matter of minutes: it asks the database twice for every row.
LOADDATA_ROWS = 25_000
# What the restored tables and their indexes take, for each byte of JSON.
_DATABASE_SHARE = 2.5


def choose_loader(loader: Loader, *, rows: int) -> str:
    """Give the loader that is used for so many rows."""
    if loader != "auto":
        return loader
    return "loaddata" if rows <= LOADDATA_ROWS else "batches"


def try_restore(
    backup: Path,
    manifest: Manifest,
    *,
    context: Context,
    database: Database,
    loader: Loader,
    inspect: Callable[[DatabaseAddress], None] = lambda scratch: None,
) -> str:
    """
    Prove that the backup restores to exactly what it was made from; gives how that was proved.

    ``inspect`` is called with the address of the restored database while it is there, after it was compared.
    Raises NotProved for a backup that is damaged or restores to something else, and other
    StorekeeperErrors where the trial itself could not be made.
    """
    require_whole(backup, manifest)
    folder = context.config.state / "scratch"
    needed = int(manifest.content_bytes * (_DATABASE_SHARE if manifest.format == "json" else 1.2))
    server = _server_for(database.address, config=context.config)
    with scratch_database(
        server or database.address, folder=folder, needed_bytes=needed, shop=context.config.shop
    ) as scratch:
        if manifest.format != "json":
            how = _try_native(backup, manifest, context=context, scratch=scratch, database=database)
            inspect(scratch)
            return f"restored into a scratch database; {how}"
        if database.alias is None:
            raise BackupRefused(f"{backup.name}: the shop's Django does not know {database.name}")
        used = choose_loader(loader, rows=manifest.rows)
        made = _make_schema(manifest, context=context, scratch=scratch, folder=folder)
        with context.shop.talk() as conversation:
            name = str(scratch.path) if scratch.path else scratch.parameters["dbname"]
            conversation.ask(
                "enter_scratch",
                database=database.alias,
                name=name,
                server=dict(server.parameters) if server else None,
            )
            loaded = load_fixture(
                conversation,
                context=context,
                alias=database.alias,
                backup=backup,
                manifest=manifest,
                loader=used,
                past=True,
                made=made,
            )
        how = compare_raw(backup, manifest, scratch=scratch, live=database.address, loaded=loaded)
        inspect(scratch)
        return f"restored by {used} into a scratch database{how}"


def _server_for(live: DatabaseAddress, *, config: Config) -> DatabaseAddress | None:
    """Return the server that the config names for trials; None where the shop's own is taken."""
    if config.backups.verify_on is None or live.engine is not Engine.POSTGRESQL:
        return None
    return resolve_server("backups.verify_on", config.backups.verify_on, project=config.project)


def _make_schema(manifest: Manifest, *, context: Context, scratch: DatabaseAddress, folder: Path) -> bool:
    """Make the tables of the backup's own schema in PostgreSQL; the shop's side makes those of SQLite."""
    if manifest.raw is None or not manifest.raw.ddl or scratch.engine is not Engine.POSTGRESQL:
        return False
    from actions.backups.schema_dump import make_schema

    make_private_folder(folder)
    return make_schema(manifest.raw, address=scratch, config=context.config, folder=folder)


def _try_native(
    backup: Path, manifest: Manifest, *, context: Context, scratch: DatabaseAddress, database: Database
) -> str:
    """Restore it and compare; return, in words, how it was compared and what could not be tried."""
    if scratch.engine is Engine.SQLITE:
        assert scratch.path is not None
        # A copy of all pages: its sum says more of it than those of its values.
        not_checked = unpack_sqlite(backup, target=scratch.path, manifest=manifest)
        if not_checked:
            not_checked = _checked_by_shop(backup, not_checked, context, scratch=scratch, database=database)
        not_tried = [f"not checked: {name}: {why}" for name, why in not_checked.items()]
        how = "each page is as it was, and the rows of every table were counted"
    else:
        not_tried = [*restore_postgresql(backup, address=scratch, config=context.config)]
        with connect_postgresql(scratch, timeout_seconds=3600) as connection:
            require_rows(backup.name, expected=manifest.tables, found=count_rows(connection))
        how = "the rows of every table counted"
        if manifest.raw is not None:
            compare_native(backup, manifest, raw=manifest.raw, scratch=scratch, live=database.address)
            how = "every value compared by SQL"
    for note in not_tried:
        context.report(Progress(done=0, unit="tables", note=f"{backup.name}: {note}"))
    return "; ".join([how, *not_tried])


def _checked_by_shop(
    backup: Path,
    not_checked: dict[str, str],
    context: Context,
    *,
    scratch: DatabaseAddress,
    database: Database,
) -> dict[str, str]:
    """Let the shop check its file, whose functions it brings; return what it could not check either."""
    if database.alias is None:
        return not_checked
    try:
        with context.shop.talk() as conversation:
            conversation.ask("enter_scratch", database=database.alias, name=str(scratch.path))
            problems = conversation.ask("check_sqlite", database=database.alias)
    except (DatabaseUnavailable, ShopError):
        return not_checked
    if problems:
        raise NotProved(f"{backup.name} is damaged: {'; '.join(problems[:3])}")
    return {}
