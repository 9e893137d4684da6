"""Each kind of object of PostgreSQL: dumped, tried in a scratch database, and restored over itself."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from actions.backups.postgresql_dump import count_rows, dump_postgresql
from actions.backups.postgresql_restore import replace_postgresql, restore_postgresql
from actions.backups.scratch_database import scratch_database
from storekeeper.backups import TableSum
from storekeeper.databases import DatabaseAddress, address_from_url, connect_postgresql
from storekeeper.files import PartialFile

ZOO = Path(__file__).with_name("zoo.sql")
KEEPER, OTHER, READER = "zoo_keeper", "zoo_other", "zoo_reader"


@dataclass(kw_only=True)
class Zoo:
    """A database of the role KEEPER, who is no superuser; ``address`` is how it is entered."""

    address: DatabaseAddress
    root: str
    config: Any
    programs: Path
    folder: Path
    notes: tuple[str, ...] = ()
    left_out: dict[str, str] | None = None

    def run(self, *statements: str, root: bool = False) -> list[Any]:
        """Run statements as the keeper, or as a superuser; give the rows of the last one."""
        with psycopg.connect(self.root, autocommit=True) as connection:
            if not root:
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(KEEPER)))
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def text(self) -> str:
        """Give all that the database holds, as pg_dump writes it."""
        return subprocess.run(
            [self.programs / "pg_dump", "--restrict-key=zoo", f"--dbname={self.root}"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def back_up(self) -> tuple[Path, dict[str, TableSum]]:
        """Dump the database and try the dump in a scratch database."""
        path = self.folder / "zoo.dump"
        with PartialFile(path) as file:
            _, tables, self.left_out = dump_postgresql(
                self.address, config=self.config, file=file, cancelled=lambda: False
            )
            file.finish()
        with scratch_database(self.address, folder=self.folder, needed_bytes=0, shop="zoo") as scratch:
            self.notes = restore_postgresql(path, address=scratch, config=self.config)
            with connect_postgresql(scratch) as connection:
                assert {name: one.rows for name, one in count_rows(connection).items()} == {
                    name: one.rows for name, one in tables.items()
                }
        return path, tables

    def replace(self, backup: tuple[Path, dict[str, TableSum]]) -> tuple[str, ...]:
        """Restore it over what is there."""
        return replace_postgresql(
            backup[0],
            address=self.address,
            config=self.config,
            expected=backup[1],
            cancelled=lambda: False,
        )


@pytest.fixture
def zoo(postgresql_server: Any, keeper: Callable[..., Any], tmp_path: Path) -> Iterator[Zoo]:
    """An empty database of the keeper."""
    root = postgresql_server.create_database("zoo")
    with psycopg.connect(root, autocommit=True) as connection:
        for role in (KEEPER, OTHER, READER):
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(role)))
        connection.execute(f"ALTER DATABASE zoo OWNER TO {KEEPER}".encode())
        connection.execute("SET client_min_messages = error")
    config = keeper(orders=None).config
    backups = config.backups.model_copy(update={"postgresql_bin": postgresql_server.programs})
    url = root.replace("postgres:", f"{KEEPER}:", 1)
    yield Zoo(
        address=address_from_url("default", url=url, project=Path()),
        root=root,
        config=config.model_copy(update={"backups": backups}),
        programs=postgresql_server.programs,
        folder=tmp_path,
    )
    postgresql_server.drop_database("zoo")
    with psycopg.connect(postgresql_server.uri, autocommit=True) as connection:
        for role in (KEEPER, OTHER, READER):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def fill(zoo: Zoo, *, user: str = KEEPER) -> None:
    """Put one of each kind into the database."""
    subprocess.run(
        [zoo.programs / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", ZOO, zoo.root],
        check=True,
        capture_output=True,
        env={**os.environ, "PGOPTIONS": f"-c role={user} -c client_min_messages=error"},
    )


def test_one_of_each_kind_comes_back_over_itself(zoo: Zoo) -> None:
    """Shape, rows, owners, grants, sequences and large objects are as before, and what came since is gone."""
    fill(zoo)
    before = zoo.text()
    backup = zoo.back_up()
    assert (zoo.notes, zoo.left_out) == ((), {})
    zoo.run(
        "DROP TABLE sold, calls CASCADE",
        "DELETE FROM product WHERE old = 2",
        "UPDATE sales SET amount = 17",
        "ALTER TABLE parent ADD COLUMN added integer",
        "CREATE VIEW since AS SELECT * FROM product",
        "CREATE TABLE since_too (id integer REFERENCES product)",
        "CREATE TEXT SEARCH DICTIONARY since_words (TEMPLATE = simple)",
        'CREATE COLLATION since_order FROM "C"',
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO zoo_reader",
        "GRANT DELETE ON product TO zoo_reader",
        "SELECT lo_unlink(424242), lo_from_bytea(515151, 'x')",
    )
    assert zoo.replace(backup) == ()
    assert zoo.text() == before
    assert zoo.replace(backup) == ()
    assert zoo.text() == before
