"""A shop whose machine is gone, and what its database and its files held, read by SQL and from the disk."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from actions.action import Action
from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia

Rows = dict[str, list[str]]
# What migrate makes with numbers of its own, which JSON carries by their names: tables and columns.
_BY_NAME = ("django_migrations", "django_content_type", "auth_permission", "sqlite_sequence")
_NUMBERS = ("content_type_id", "permission_id")


def rows_in(shop: Any, *, numbers: bool = False) -> Rows:
    """Return every row of every table with the types in which they are stored."""
    if shop.database_url is None:
        return _sqlite_rows(shop.data / "db.sqlite3", numbers=numbers)
    return postgresql_rows(shop.database_url, numbers=numbers)


def _columns(table: str, names: list[str], *, numbers: bool) -> str:
    without = () if numbers else (*_NUMBERS, *(("id",) if table.endswith("_permissions") else ()))
    return ", ".join(f'"{name}"' for name in names if name not in without) or "1"


def _sqlite_rows(path: Path, *, numbers: bool) -> Rows:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
        tables = [row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for table in sorted(tables):
            if numbers or table not in _BY_NAME:
                names = [row[1] for row in file.execute(f'PRAGMA table_info("{table}")')]
                columns = _columns(table, names, numbers=numbers)
                found[table] = sorted(map(repr, file.execute(f'SELECT {columns} FROM "{table}"')))
        return found


def postgresql_rows(url: str, *, numbers: bool = False) -> Rows:
    """Return every row of every table of a PostgreSQL database as the server writes it."""
    with psycopg.connect(url) as connection:
        columns: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
        ):
            columns.setdefault(table, []).append(column)
        found = {}
        for table, names in columns.items():
            if numbers or table not in _BY_NAME:
                query = f'SELECT ROW({_columns(table, names, numbers=numbers)})::text FROM "{table}"'
                found[table] = sorted(row[0] for row in connection.execute(query.encode()))
        return found


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass(kw_only=True)
class Lost:
    """``keeper`` has a config, and nothing else is left; ``copies`` is where its backups lie."""

    keeper: Any
    copies: Path
    rows: Rows
    raw: Rows
    files: dict[str, bytes]

    def run(self, action: Action[Any, Any], **options: Any) -> Any:
        return self.keeper.run(action, **options)[1]

    def differences(self, *, numbers: bool = False) -> dict[str, Any]:
        """Return the tables and files that are not as they were; with ``numbers`` in every column."""
        rows, files = rows_in(self.keeper.shop, numbers=numbers), files_in(self.keeper.media)
        before = self.raw if numbers else self.rows
        tables = {
            name: (before.get(name), rows.get(name))
            for name in {*before, *rows}
            if before.get(name) != rows.get(name)
        }
        names = [name for name in {*self.files, *files} if self.files.get(name) != files.get(name)]
        return {**tables, **dict.fromkeys(names, "differs")}

    def is_empty(self) -> bool:
        """Return whether nothing of the shop is there."""
        database = self.keeper.shop.data / "db.sqlite3"
        # Django makes an empty file when it looks.
        return not self.keeper.media.exists() and (not database.exists() or not database.stat().st_size)


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Backups of a shop and what it held: to make them takes a while, to copy them does not."""

    backups: Path
    media: Path
    rows: Rows
    raw: Rows


_STOCK: dict[tuple[str, str], Stock] = {}


@pytest.fixture
def stock(
    make_keeper: Callable[..., Any],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, str], Stock]:
    """A function: a verified backup of the rows of a small shop, and then one of its files."""

    def take(database: str, form: str) -> Stock:
        if (database, form) not in _STOCK:
            kept = with_programs(make_keeper(database, orders=5), request=request)
            kept.run(BackupDatabase(), verify=True, format=form)
            kept.run(BackupMedia())
            folder = tmp_path_factory.mktemp("backups")
            shutil.copytree(kept.config.backups.path, folder / "backups")
            shutil.copytree(kept.media, folder / "media")
            _STOCK[database, form] = Stock(
                backups=folder / "backups",
                media=folder / "media",
                rows=rows_in(kept.shop),
                raw=rows_in(kept.shop, numbers=True),
            )
        return _STOCK[database, form]

    return take


def with_programs(kept: Any, *, request: pytest.FixtureRequest) -> Any:
    """Return a keeper whose config names the test server's own pg_dump."""
    if kept.shop.database_url is not None:
        programs = request.getfixturevalue("postgresql_server").programs
        backups = kept.config.backups.model_copy(update={"postgresql_bin": programs})
        kept.config = kept.config.model_copy(update={"backups": backups})
    return kept


@pytest.fixture
def backed_up(
    make_keeper: Callable[..., Any], request: pytest.FixtureRequest, stock: Callable[[str, str], Stock]
) -> Callable[..., Any]:
    """A factory of keepers with the files and the backups of a small shop; its own tables are empty."""

    def make(database: str = "sqlite", *, form: str = "json", more: str = "") -> Any:
        kept = with_programs(make_keeper(database, orders=None, more=more), request=request)
        taken = stock(database, form)
        shutil.copytree(taken.backups, kept.config.backups.path)
        shutil.copytree(taken.media, kept.media, dirs_exist_ok=True)
        return kept

    return make


@pytest.fixture
def lose(tmp_path: Path, stock: Callable[[str, str], Stock]) -> Callable[..., Lost]:
    """A function that removes a shop's files, database and state, and leaves copies of its backups."""

    def lose(kept: Any, *, form: str = "json") -> Lost:
        database = "sqlite" if kept.shop.database_url is None else "postgresql"
        taken = stock(database, form)
        copies = tmp_path / "copies of the lost"
        shutil.copytree(kept.config.backups.path, copies)
        shutil.rmtree(kept.config.backups.path)
        shutil.rmtree(kept.media)
        if kept.shop.database_url is None:
            for path in kept.shop.data.glob("db.sqlite3*"):
                path.unlink()
        else:
            with psycopg.connect(kept.shop.database_url, autocommit=True) as connection:
                connection.execute("DROP SCHEMA public CASCADE")
                connection.execute("CREATE SCHEMA public")
        return Lost(keeper=kept, copies=copies, rows=taken.rows, raw=taken.raw, files=files_in(taken.media))

    return lose


@pytest.fixture
def lost(backed_up: Callable[..., Any], lose: Callable[..., Lost]) -> Lost:
    """A lost SQLite shop."""
    return lose(backed_up())
