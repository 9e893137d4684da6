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

from actions.backups.archive_contents import Entry
from actions.backups.postgresql_dump import count_rows, dump_postgresql
from actions.backups.postgresql_restore import replace_postgresql, restore_postgresql
from actions.backups.scratch_database import scratch_database
from storekeeper.backups import TableSum
from storekeeper.databases import DatabaseAddress, address_from_url, connect_postgresql
from storekeeper.errors import BackupRefused, StorekeeperError
from storekeeper.files import PartialFile

ZOO = Path(__file__).with_name("zoo.sql")
SUPERUSERS = ZOO.with_name("zoo_of_superusers.sql")
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
            _, tables, self.left_out, _ = dump_postgresql(
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
    made = Zoo(
        address=address_from_url("default", url=url, project=Path()),
        root=root,
        config=config.model_copy(update={"backups": backups}),
        programs=postgresql_server.programs,
        folder=tmp_path,
    )
    yield made
    made.run("DROP SUBSCRIPTION IF EXISTS followed", root=True)
    postgresql_server.drop_database("zoo")
    with psycopg.connect(postgresql_server.uri, autocommit=True) as connection:
        for role in (KEEPER, OTHER, READER):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def fill(zoo: Zoo, *, user: str = KEEPER, animals: Path = ZOO) -> None:
    """Put one of each kind into the database."""
    subprocess.run(
        [zoo.programs / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", animals, zoo.root],
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


def test_what_belongs_to_others_stays_and_is_named(zoo: Zoo) -> None:
    """Objects of other roles are neither dropped nor missed; what cannot be read is named and left out."""
    zoo.run(
        "CREATE SCHEMA tools",
        "CREATE TABLE tools.ours (id integer PRIMARY KEY)",
        "INSERT INTO tools.ours VALUES (1), (2)",
        "CREATE TABLE plain (id integer PRIMARY KEY)",
        "COMMENT ON SCHEMA tools IS 'ours'",
    )
    zoo.run(
        "CREATE EXTENSION vector SCHEMA tools",
        "COMMENT ON EXTENSION vector IS 'a word of the superuser'",
        "CREATE TABLE audit (id serial PRIMARY KEY, words text)",
        "INSERT INTO audit (words) VALUES ('x'), ('y')",
        "GRANT SELECT ON audit TO zoo_keeper",
        "GRANT SELECT ON audit_id_seq TO zoo_keeper",
        'CREATE TABLE "hidden.away" (id integer)',
        "CREATE SCHEMA closed CREATE TABLE inside (id integer)",
        "CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER noticing ON ddl_command_end EXECUTE FUNCTION noticed()",
        "CREATE PUBLICATION everything FOR ALL TABLES",
        "CREATE FOREIGN DATA WRAPPER odd",
        root=True,
    )
    zoo.run("CREATE TABLE items (id integer, place tools.vector(2))", "INSERT INTO items VALUES (1, '[1,2]')")
    zoo.run("DROP TABLE items")
    before = zoo.text()
    backup = zoo.back_up()
    assert zoo.left_out is not None
    assert set(zoo.left_out) == {'"hidden.away"', "closed.inside"}
    assert any("vector" in note for note in zoo.notes)
    assert any("event trigger" in note for note in zoo.notes)
    zoo.run("DELETE FROM tools.ours", "CREATE TABLE since (id integer)")
    zoo.run("INSERT INTO audit (words) VALUES ('since')", root=True)
    told = "; ".join(zoo.replace(backup))
    for word in ("TABLE public audit", "EVENT TRIGGER - noticing", "PUBLICATION - everything"):
        assert word in told
    assert [(3,)] == zoo.run("SELECT count(*) FROM audit", root=True)
    zoo.run("DELETE FROM audit WHERE words = 'since'", "SELECT setval('audit_id_seq', 2)", root=True)
    assert zoo.text() == before


def test_view_of_another_role_on_our_table_refuses_the_restore(zoo: Zoo) -> None:
    """Dropping the table would take the view along, which we could not bring back: nothing is changed."""
    zoo.run("CREATE TABLE plain (id integer)", "INSERT INTO plain VALUES (1)")
    backup = zoo.back_up()
    zoo.run("CREATE VIEW theirs AS SELECT * FROM plain", "ALTER VIEW theirs OWNER TO zoo_other", root=True)
    before = zoo.text()
    with pytest.raises(BackupRefused, match=r"view theirs .* needs table plain"):
        zoo.replace(backup)
    assert zoo.text() == before


def test_partition_of_another_role_refuses_the_restore(zoo: Zoo) -> None:
    """A part goes without a word with its whole, rows and all: not when it is another role's."""
    zoo.run("CREATE TABLE whole (id integer) PARTITION BY LIST (id)")
    zoo.run("CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)", "INSERT INTO whole VALUES (1)")
    backup = zoo.back_up()
    zoo.run("ALTER TABLE part OWNER TO zoo_other", root=True)
    before = zoo.text()
    with pytest.raises(BackupRefused, match=r"table part .* needs table whole"):
        zoo.replace(backup)
    assert zoo.text() == before


def test_owners_and_grants_come_back(zoo: Zoo) -> None:
    """What belongs to a role that ours may act as is that role's again, with the grants of all."""
    zoo.run("GRANT zoo_other TO zoo_keeper", "GRANT CREATE ON SCHEMA public TO zoo_other", root=True)
    zoo.run(
        "CREATE TABLE theirs (id integer)",
        "GRANT SELECT ON theirs TO zoo_reader",
        "ALTER TABLE theirs OWNER TO zoo_other",
        "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "GRANT EXECUTE ON FUNCTION one() TO zoo_reader WITH GRANT OPTION",
        "ALTER DEFAULT PRIVILEGES FOR ROLE zoo_other GRANT INSERT ON TABLES TO zoo_reader",
    )
    before = zoo.text()
    backup = zoo.back_up()
    zoo.run("DROP TABLE theirs", "REVOKE ALL ON FUNCTION one() FROM zoo_reader")
    assert zoo.replace(backup) == ()
    assert zoo.text() == before


def test_grant_to_a_role_that_is_gone_is_told(zoo: Zoo) -> None:
    """The restore goes on without that grant, and says which role it lacks."""
    zoo.run("CREATE TABLE plain (id integer)", "GRANT SELECT ON plain TO zoo_reader, zoo_other")
    backup = zoo.back_up()
    zoo.run("DROP OWNED BY zoo_reader", "DROP ROLE zoo_reader", root=True)
    (told,) = zoo.replace(backup)
    assert 'role "zoo_reader" does not exist' in told
    assert [(True,)] == zoo.run("SELECT has_table_privilege('zoo_other', 'plain', 'SELECT')", root=True)


def test_owner_that_is_gone_is_named(zoo: Zoo) -> None:
    """Beside other owners that is a refusal; where all was one role's, it is the restoring role's then."""
    zoo.run("GRANT zoo_other TO zoo_keeper", "GRANT CREATE ON SCHEMA public TO zoo_other", root=True)
    zoo.run("CREATE TABLE theirs (id integer)", "ALTER TABLE theirs OWNER TO zoo_other")
    backup = zoo.back_up()
    zoo.run("DROP OWNED BY zoo_other", "DROP ROLE zoo_other", root=True)
    told = "; ".join(zoo.replace(backup))
    assert "what belonged to zoo_other, which is no role here, belongs to zoo_keeper" in told
    assert [(KEEPER,)] == zoo.run("SELECT tableowner FROM pg_tables WHERE tablename = 'theirs'")


def test_missing_extension_is_named_before_anything_changes(zoo: Zoo) -> None:
    """A role that may not create it is told what a superuser has to type."""
    zoo.run("CREATE EXTENSION vector", root=True)
    zoo.run("CREATE TABLE plain (id integer)")
    backup = zoo.back_up()
    zoo.run("DROP EXTENSION vector", root=True)
    zoo.run("INSERT INTO plain VALUES (1)")
    with pytest.raises(BackupRefused, match="extension vector, which is not in this database"):
        zoo.replace(backup)
    assert [(1,)] == zoo.run("SELECT id FROM plain")


def test_extension_that_tables_need_says_why_nothing_was_tried(zoo: Zoo) -> None:
    """The dump is not to blame: the error names the extension and what to do."""
    zoo.run("CREATE EXTENSION vector", root=True)
    zoo.run("CREATE TABLE items (place vector(2))", "INSERT INTO items VALUES ('[1,2]')")
    with pytest.raises(BackupRefused, match="cannot be tried: the extension vector"):
        zoo.back_up()


def test_role_that_the_shop_assumes_owns_what_is_restored(zoo: Zoo) -> None:
    """A login that works as another role dumps, tries and restores as that one."""
    zoo.run("GRANT zoo_keeper TO zoo_other WITH INHERIT FALSE", root=True)
    fill(zoo)
    before = zoo.text()
    url = zoo.root.replace("postgres:", f"{OTHER}:", 1) + f"&assume_role={KEEPER}"
    zoo.address = address_from_url("default", url=url, project=Path())
    backup = zoo.back_up()
    zoo.replace(backup)
    assert zoo.text() == before


def test_name_of_a_table_in_an_older_manifest_is_understood(zoo: Zoo) -> None:
    """Where dots were not quoted, the table that the dump holds is meant."""
    zoo.run(
        'CREATE TABLE "legacy.items" (id integer)', "CREATE SCHEMA reports CREATE TABLE days (id integer)"
    )
    path, tables = zoo.back_up()
    assert set(tables) == {'"legacy.items"', "reports.days"}
    older = {name.replace('"', ""): one for name, one in tables.items()}
    zoo.replace((path, older))
    wrong = {name: one.model_copy(update={"rows": 3}) for name, one in older.items() if "legacy" in name}
    with pytest.raises(Exception, match=r"table legacy\.items has other rows"):
        zoo.replace((path, wrong))


def test_rows_that_a_policy_hides_are_no_dump(zoo: Zoo) -> None:
    """A table whose owner sees a part of it alone is named, and there is no file."""
    zoo.run(
        "CREATE TABLE orders (tenant text)",
        "INSERT INTO orders VALUES ('a'), ('b')",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE orders FORCE ROW LEVEL SECURITY",
        "CREATE POLICY own ON orders USING (tenant = 'a')",
    )
    with pytest.raises(StorekeeperError, match='policy for table "orders"'):
        zoo.back_up()
    assert [] == [one.name for one in zoo.folder.iterdir() if "dump" in one.name]


def test_what_only_superusers_make_comes_back(zoo: Zoo) -> None:
    """A shop that works as a superuser has all kinds; each comes back, or stays where it is."""
    fill(zoo, user="postgres")
    fill(zoo, user="postgres", animals=SUPERUSERS)
    zoo.address = address_from_url("default", url=zoo.root, project=Path())
    before = zoo.text()
    backup = zoo.back_up()
    zoo.run(
        "DROP EVENT TRIGGER noticing", "DROP TABLE odd_rows", "CREATE TABLE since (id integer)", root=True
    )
    zoo.replace(backup)
    assert zoo.text() == before
    zoo.replace(backup)
    assert zoo.text() == before


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("TABLE public items", "TABLE public items"),
        ("COMMENT public TABLE items", "TABLE public items"),
        ("ACL public TABLE My Items", "TABLE public My Items"),
        ("COMMENT - EVENT TRIGGER noticing", "EVENT TRIGGER - noticing"),
        ("COMMENT public TEXT SEARCH CONFIGURATION words", "TEXT SEARCH CONFIGURATION public words"),
        ("COMMENT public OPERATOR CLASS one USING btree", "OPERATOR CLASS public one USING btree"),
        ("COMMENT public OPERATOR === (a, b)", "OPERATOR public === (a, b)"),
        ("ACL - FOREIGN DATA WRAPPER odd", "FOREIGN DATA WRAPPER - odd"),
        ("COMMENT - EXTENSION vector", "EXTENSION - vector"),
    ],
)
def test_comments_and_grants_have_a_subject(name: str, subject: str) -> None:
    """It is named as the object's own line names it, whose kind may be several words."""
    assert Entry(number=1, class_id=0, object_id=0, name=name, owner="").subject == subject
