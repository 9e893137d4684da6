"""backup_database: whole and read back under its final name, or absent."""

import datetime as dt
import gzip
import json
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.backup_database import BackupDatabase
from actions.backups.json_backup import write_json_backup
from actions.backups.packing import file_sums
from actions.backups.raw_sums import RawSumsProcess
from actions.backups.reading import Reading
from storekeeper.backups import Manifest, find_backups, read_manifest
from storekeeper.databases import address_from_url
from storekeeper.errors import (
    BackupRefused,
    ConfigurationError,
    DatabaseUnavailable,
    NotEnoughSpace,
)
from storekeeper.shop import Shop

BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


def names(folder: Path) -> list[str]:
    """Give the names of everything in a folder."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@BOTH
@pytest.mark.parametrize("compress", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_loaddata_restores_every_row(
    keeper: Callable[..., Any],
    make_shop: Callable[..., Any],
    rows_of: Callable[[Any], list[str]],
    database: str,
    compress: bool,
) -> None:
    """The shop's own migrate and loaddata, in an empty database, give every row with key and microseconds."""
    kept = keeper(database, orders=50)
    _, outcome = kept.run(BackupDatabase(), compress=compress)
    empty = make_shop(database, orders=None)
    empty.manage("loaddata", str(outcome.created[0]), "--verbosity=0")
    assert rows_of(empty) == rows_of(kept.shop)


def test_name_and_mode_are_the_guides(keeper: Callable[..., Any]) -> None:
    """The file is named by the shop's own clock and can be read by its owner alone."""
    kept = keeper(orders=5)
    kept.now = lambda: dt.datetime(2025, 12, 7, 5, 0, 0, tzinfo=dt.UTC)
    _, outcome = kept.run(BackupDatabase())
    folder = kept.config.backups.path
    assert names(folder) == [
        "db_backup_20251207_120000.json.gz",
        "db_backup_20251207_120000.json.gz.manifest.json",
    ]
    assert outcome.created == (folder / "db_backup_20251207_120000.json.gz",)
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in names(folder)} == {0o600}


@BOTH
def test_manifest_tells_what_the_file_holds(keeper: Callable[..., Any], database: str) -> None:
    """Sums, sizes and counts in the manifest are those of the file; no secret is in it."""
    kept = keeper(database, orders=20)
    _, outcome = kept.run(BackupDatabase())
    (path,) = outcome.created
    manifest = read_manifest(path)
    assert manifest is not None
    assert (manifest.sha256, manifest.size_bytes) == file_sums(path)
    objects = json.loads(gzip.decompress(path.read_bytes()))
    assert manifest.rows == len(objects)
    assert manifest.tables["app.Order"].rows == 20
    assert manifest.verified is None
    assert (manifest.engine, manifest.database, manifest.format) == (database, "default", "json")
    assert "app.0001_initial" in manifest.migrations
    text = path.with_name(path.name + ".manifest.json").read_text("utf-8")
    assert (kept.shop.data / ".secret_key").read_text("utf-8").strip() not in text


def test_two_backups_in_one_second_do_not_collide(keeper: Callable[..., Any]) -> None:
    """With the clock standing still the second backup is refused and the first one stays."""
    kept = keeper(orders=5)
    kept.now = lambda: dt.datetime(2025, 12, 7, 5, 0, 0, tzinfo=dt.UTC)
    _, outcome = kept.run(BackupDatabase())
    before = file_sums(outcome.created[0])
    with pytest.raises(BackupRefused, match="already"):
        kept.run(BackupDatabase())
    assert file_sums(outcome.created[0]) == before


def test_second_backup_waits_for_the_next_second(keeper: Callable[..., Any]) -> None:
    """Two backups one after the other have two names."""
    kept = keeper(orders=5)
    first, second = (kept.run(BackupDatabase())[1].created[0] for _ in range(2))
    assert first != second
    assert {backup.path for backup in find_backups(kept.config.backups.path)} == {first, second}


def test_full_disk_leaves_nothing(keeper: Callable[..., Any]) -> None:
    """Where the file cannot grow any more there is a clear error, and no file."""
    kept = keeper(orders=50)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(NotEnoughSpace, match="became full"):
            kept.run(BackupDatabase(), compress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(kept.config.backups.path) == []


def test_too_little_room_is_told_before_anything_is_written(keeper: Callable[..., Any]) -> None:
    """A backup that will not fit, by the size of the last one, is not begun."""
    kept = keeper(orders=5)
    _, outcome = kept.run(BackupDatabase())
    with outcome.created[0].open("ab") as stream:
        stream.truncate(8 << 40)
    with pytest.raises(NotEnoughSpace, match="needs"):
        kept.run(BackupDatabase())
    assert len(names(kept.config.backups.path)) == 2


def test_killed_run_leaves_no_backup_and_is_swept(keeper: Callable[..., Any], tmp_path: Path) -> None:
    """kill -9 in the middle leaves no final name; the next run removes what is left."""
    kept = keeper(orders=200)
    config = tmp_path / "storekeeper.yml"
    config.write_text(
        f"shop: test\nproject: {kept.config.project}\npython: {kept.config.python}\n"
        f"state: {kept.config.state}\nbackups: {{path: {kept.config.backups.path}}}\n",
        "utf-8",
    )
    folder = kept.config.backups.path
    # A reader that stops: the shop's interpreter waits in the middle of its answer.
    slow = (
        "import sys, time\nfrom actions.backups import json_backup\nfeed = json_backup.FixtureLines.feed\n"
        "def slowly(self, data):\n    time.sleep(0.5)\n    return feed(self, data)\n"
        "json_backup.FixtureLines.feed = slowly\n"
        "from storekeeper.cli import main\nsys.argv = ['storekeeper', 'backup_database', '--config.file', "
        f"{str(config)!r}]\nmain()\n"
    )
    with subprocess.Popen([sys.executable, "-c", slow], stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while not any(name.endswith(".partial") for name in names(folder)) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert [name for name in names(folder) if not name.startswith(".")] == []
    assert [name for name in names(folder) if name.endswith(".partial")] != []
    _, outcome = kept.run(BackupDatabase())
    path = outcome.created[0]
    assert names(folder) == [path.name, f"{path.name}.manifest.json"]


def test_files_of_others_are_not_swept(keeper: Callable[..., Any]) -> None:
    """Only partial files of our own names are removed."""
    kept = keeper(orders=5)
    folder = kept.config.backups.path
    folder.mkdir()
    mine = folder / ".notes.json.partial"
    mine.write_text("mine")
    manifest = folder / "report.manifest.json"
    manifest.write_text("{}")
    kept.run(BackupDatabase())
    assert mine.exists()
    assert manifest.exists()


def test_missing_database_is_told_and_not_made(keeper: Callable[..., Any]) -> None:
    """A SQLite file that has gone is an error, and no empty one appears in its place."""
    kept = keeper(orders=5)
    kept.run(BackupDatabase())
    (kept.shop.data / "db.sqlite3").unlink()
    with pytest.raises(DatabaseUnavailable, match="there is no file"):
        kept.run(BackupDatabase())
    assert not (kept.shop.data / "db.sqlite3").exists()
    assert len(names(kept.config.backups.path)) == 2


def test_size_is_the_servers_and_a_missing_database_is_told(keeper: Callable[..., Any]) -> None:
    """A plan asks the shop how large its PostgreSQL database is; of one that is not there it says so."""
    kept = keeper("postgresql", orders=5)
    url = kept.shop.database_url
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    (part,) = kept.plan(BackupDatabase(), compress=False).parts
    assert part.expected_bytes == 2 * row[0]
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')
        with pytest.raises(DatabaseUnavailable, match=rf"database default \({name} on .*does not exist"):
            kept.plan(BackupDatabase())
        connection.execute(f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')


def test_locked_table_is_told_in_time(keeper: Callable[..., Any], tmp_path: Path) -> None:
    """A table that stays locked ends the backup with a clear error and no file."""
    kept = keeper("postgresql", orders=5)
    path = tmp_path / "backups" / "db_backup_20251207_120000.json"
    draft = Manifest(file=path.name, created=dt.datetime.now(dt.UTC), format="json", sha256="", size_bytes=0)
    address = address_from_url("default", url=kept.shop.database_url, project=tmp_path)
    with psycopg.connect(kept.shop.database_url) as connection:
        connection.execute("LOCK TABLE app_order")
        with (
            RawSumsProcess(address) as process,
            Shop.of(kept.config).talk() as conversation,
            pytest.raises(
                DatabaseUnavailable, match=r"locked by another process.*app_order by process \d+ \(.*idle"
            ),
        ):
            write_json_backup(
                Reading(conversation=conversation),
                context=kept.context(),
                process=process,
                alias="default",
                path=path,
                draft=draft,
                compress=False,
                lock_timeout_seconds=0.3,
            )
    assert names(path.parent) == []


def test_dangling_content_type_is_told(keeper: Callable[..., Any]) -> None:
    """A number that no content type has stands beside the fields, and the column and the keys are named."""
    kept = keeper(orders=20)
    kept.shop.evaluate(
        "from django.db import connection\nc = connection.cursor()\nc.execute('PRAGMA foreign_keys = OFF')\n"
        "c.execute('UPDATE app_note SET content_type_id = 4711')\nresult = 1"
    )
    kept.run(BackupDatabase())
    assert any("app.Note.content_type_id" in report.note for report in kept.reports)


@BOTH
def test_native_backup_is_written_beside_json(keeper: Callable[..., Any], database: str) -> None:
    """With format both the two files have one time in their names, and the rows were counted."""
    kept = keeper(database, orders=20)
    _, outcome = kept.run(BackupDatabase(), format="both")
    fixture, native = outcome.created
    assert fixture.name.split(".")[0] == native.name.split(".")[0]
    assert native.name.partition(".")[2] == ("sqlite3.gz" if database == "sqlite" else "dump")
    manifest = read_manifest(native)
    assert manifest is not None
    assert manifest.tables["app_order"].rows == 20
    assert (manifest.sha256, manifest.size_bytes) == file_sums(native)


def test_missing_pg_dump_is_named_with_its_package(keeper: Callable[..., Any], tmp_path: Path) -> None:
    """Without pg_dump the error says what to install, and nothing is written."""
    kept = keeper("postgresql", orders=None)
    backups = kept.config.backups.model_copy(update={"postgresql_bin": tmp_path})
    kept.config = kept.config.model_copy(update={"backups": backups})
    with pytest.raises(ConfigurationError, match="postgresql-client"):
        kept.run(BackupDatabase(), format="native")
    assert names(kept.config.backups.path) == []


def test_dry_run_touches_nothing(keeper: Callable[..., Any]) -> None:
    """A plan makes no folder and no file."""
    kept = keeper(orders=5)
    plan = kept.plan(BackupDatabase())
    assert "would write 1 file" in plan.summary
    assert not kept.config.backups.path.exists()
