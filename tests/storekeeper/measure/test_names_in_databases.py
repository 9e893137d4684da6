"""Whatever table and column names a file, it is found; a database that is asked in part gives no answer."""

import itertools
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from storekeeper.config import Config, parse_config
from storekeeper.errors import ConfigurationError, StorekeeperError
from storekeeper.measure.name_search import NameSearch
from storekeeper.measure.names_in_databases import Column, NamesFound, find_names
from storekeeper.measure.postgresql_texts import GUARDS
from storekeeper.shop import ShopDescription
from tests.shops import PostgreSQLServer

ORPHAN = "uploads/nobody.jpg"


def described(databases: dict[str, dict[str, Any]], *, models: list[dict[str, Any]] | None = None) -> Any:
    """Return what a shop with these databases says of itself."""
    nothing = dict.fromkeys(("base_dir", "media_root", "static_root"))
    return ShopDescription.model_validate(
        {
            **nothing, "django_version": "5.2", "python_version": "3.11", "settings_module": "shop.settings",
            "time_zone": "UTC", "use_tz": True, "media_url": "/media/", "static_dirs": [], "log_files": [],
            "databases": databases, "models": models or [],
        }
    )  # fmt: skip


def sqlite(path: Path, *statements: str | tuple[str, tuple[Any, ...]], **pragmas: str) -> dict[str, Any]:
    """Make a database, and return Django's settings for it."""
    with sqlite3.connect(path) as connection:
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name} = {value}")
        for statement in statements:
            connection.execute(*((statement,) if isinstance(statement, str) else statement))
    connection.close()
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A config that lists no database at all."""
    return parse_config("shop: test\n", name="test", folder=tmp_path)


_numbers = itertools.count(1)


class Server:
    """PostgreSQL, with a user and a database of the shop's own."""

    def __init__(self, server: PostgreSQLServer, name: str) -> None:
        self.url = server.create_database(name)
        self.user = f"{name}_user"
        self._host = server.uri.partition("host=")[2]
        self._name = name
        self.execute(
            sql.SQL("CREATE USER {user}; GRANT ALL ON SCHEMA public TO {user}").format(
                user=sql.Identifier(self.user)
            )
        )

    def execute(self, statement: Any, parameters: Any = None) -> None:
        """Do something as the server's superuser."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement, parameters)

    def settings(self, **options: Any) -> dict[str, Any]:
        """Return Django's settings for the shop's own user."""
        return {
            "ENGINE": "django.db.backends.postgresql", "NAME": self._name, "USER": self.user,
            "HOST": self._host, "PORT": "", "PASSWORD": "", "OPTIONS": options,
        }  # fmt: skip


@pytest.fixture
def server(postgresql_server: PostgreSQLServer) -> Iterator[Server]:
    """A database of its own for each test."""
    name = f"names_{next(_numbers)}"
    made = Server(postgresql_server, name)
    yield made
    postgresql_server.drop_database(name)


Ask = Callable[..., NamesFound]


@pytest.fixture
def ask(config: Config) -> Ask:
    """Return a function that asks for files in some databases."""

    def found(*files: str, databases: dict[str, Any], models: Any = None, going: Any = None) -> NamesFound:
        description = described(databases, models=models)
        return find_names(files, config=config, description=description, going=going)

    return found


def test_sqlite_names_files_in_every_kind_of_column(tmp_path: Path, ask: Ask) -> None:
    """Declared types mean nothing: texts and blobs of any column, table and database count."""
    one = sqlite(
        tmp_path / "one.sqlite3",
        "CREATE TABLE page (id INTEGER PRIMARY KEY, number INTEGER, day DATE, anything, data BLOB)",
        (
            "INSERT INTO page VALUES (1, ?, ?, ?, ?)",
            ("x/number.jpg", "day.jpg", "any.jpg", b"\0\xffblob.jpg"),
        ),
        "CREATE TABLE pairs (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
        ("INSERT INTO pairs VALUES (?, ?)", ("logo", "/media/logo.png")),
        'CREATE TABLE "odd ""name" (rowid TEXT, _rowid_ TEXT, oid TEXT)',
        ("INSERT INTO \"odd \"\"name\" VALUES ('', '', ?)", ("odd.png",)),
        ("INSERT INTO page VALUES (2, NULL, NULL, NULL, ?)", ("utf-16.jpg".encode("utf-16-le"),)),
        ("INSERT INTO page VALUES (3, NULL, NULL, ?, NULL)", ("." * 3_000_000 + "large.jpg" + "." * 9,)),
        ("INSERT INTO page VALUES (-4, NULL, NULL, ?, NULL)", (json.dumps({"a": "é.jpg"}),)),
    )
    other = sqlite(tmp_path / "other.sqlite3", "CREATE TABLE t (x)", "INSERT INTO t VALUES ('other.jpg')")
    names = ["number.jpg", "day.jpg", "any.jpg", "blob.jpg", "logo.png", "odd.png", "utf-16.jpg", "large.jpg"]
    files = [f"uploads/{name}" for name in [*names, "é.jpg", "other.jpg"]]
    found = ask(*files, ORPHAN, databases={"default": one, "other": other}).places
    assert set(files) == set(found)
    assert "default: pairs.value" == found["uploads/logo.png"]
    assert "other: t.x" == found["uploads/other.jpg"]


def test_postgresql_names_files_in_every_kind_of_column(server: Server, ask: Ask) -> None:
    """Arrays, JSON, enumerations, composites, domains, bytes; partitions and other schemas."""
    server.execute(
        """
        CREATE TYPE kind AS ENUM ('enum.jpg', 'y');
        CREATE TYPE pair AS (file text, size int);
        CREATE DOMAIN short AS varchar(99);
        CREATE TABLE page (id int, a text[], b varchar(50)[], j json, jb jsonb, k kind, p pair,
            d short, c char(40), data bytea, ps pair[], r numrange, day date);
        INSERT INTO page VALUES (1, '{"it''s \\"array\\".jpg"}', '{chars.jpg}',
            '{"x": "json\\u00e9.jpg"}', '{"x": "a \\"jsonb\\".jpg"}',
            'enum.jpg', ROW('composite "x".jpg', 1), 'domain.jpg', 'char.jpg', 'bytes.jpg',
            ARRAY[ROW('deep.jpg', 2)::pair], '[1,2]', now());
        CREATE TABLE part (id int, t text) PARTITION BY RANGE (id);
        CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (9);
        INSERT INTO part VALUES (1, 'partition.jpg');
        CREATE TABLE child (more text) INHERITS (page);
        INSERT INTO child (more) VALUES ('inherited.jpg');
        CREATE SCHEMA tenant;
        CREATE TABLE tenant.page (t text);
        INSERT INTO tenant.page VALUES ('tenant.jpg');
        CREATE MATERIALIZED VIEW summary AS SELECT 'view.jpg' AS t;
        CREATE MATERIALIZED VIEW empty AS SELECT 'x' AS t WITH NO DATA;
        """
    )
    user = sql.Identifier(server.user)
    server.execute(sql.SQL("GRANT USAGE ON SCHEMA tenant TO {}").format(user))
    server.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public, tenant TO {}").format(user))
    server.execute(sql.SQL("REVOKE ALL ON part_1 FROM {}").format(user))
    # A schema that is closed to the shop holds nothing of the shop.
    server.execute("CREATE SCHEMA closed; CREATE TABLE closed.t (x text)")
    names = ['it\'s "array".jpg', "chars.jpg", "jsoné.jpg", 'a "jsonb".jpg']
    names += ["enum.jpg", 'composite "x".jpg', "domain.jpg", "char.jpg", "bytes.jpg", "deep.jpg"]
    names += ["partition.jpg", "inherited.jpg", "tenant.jpg", "view.jpg"]
    files = [f"uploads/{name}" for name in names]
    found = ask(*files, ORPHAN, databases={"default": server.settings()}).places
    assert set(files) == set(found)
    assert "default: tenant.page.t" == found["uploads/tenant.jpg"]


def test_a_table_that_cannot_be_read_is_no_answer(server: Server, ask: Ask) -> None:
    """A missing permission, and a policy that hides rows, are errors that name the table."""
    databases = {"default": server.settings()}
    server.execute("CREATE TABLE secret (x text)")
    with pytest.raises(StorekeeperError, match=r"table secret of database default.*permission denied"):
        ask(ORPHAN, databases=databases)
    user = sql.Identifier(server.user)
    server.execute(sql.SQL("GRANT SELECT ON secret TO {}").format(user))
    assert {} == ask(ORPHAN, databases=databases).places
    server.execute("ALTER TABLE secret ENABLE ROW LEVEL SECURITY")
    with pytest.raises(StorekeeperError, match=r"table secret of database default.*row-level security"):
        ask(ORPHAN, databases=databases)


def test_the_role_that_the_shop_assumes_is_asked(server: Server, ask: Ask) -> None:
    """Where the shop takes another role after it has connected, that role's rights count."""
    role = sql.Identifier(server.user + "_role")
    server.execute("CREATE TABLE page (x text); INSERT INTO page VALUES ('a.jpg')")
    server.execute(
        sql.SQL(
            "CREATE ROLE {role}; GRANT SELECT ON page TO {role};"
            " ALTER ROLE {user} NOINHERIT; GRANT {role} TO {user}"
        ).format(role=role, user=sql.Identifier(server.user))
    )
    with pytest.raises(StorekeeperError, match="permission denied"):
        ask("a.jpg", databases={"default": server.settings()})
    settings = server.settings(assume_role=server.user + "_role")
    assert {"a.jpg"} == set(ask("a.jpg", databases={"default": settings}).places)


def test_a_table_that_is_held_by_a_migration_is_waited_for_in_vain(
    server: Server, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a table ends the question after a while: no answer, instead of a run that hangs."""
    guards = [guard.replace("'10s'", "'100ms'") for guard in GUARDS]
    monkeypatch.setattr("storekeeper.measure.postgresql_texts.GUARDS", guards)
    server.execute("CREATE TABLE page (x text)")
    server.execute(sql.SQL("GRANT SELECT ON page TO {}").format(sql.Identifier(server.user)))
    with psycopg.connect(server.url) as connection:
        connection.execute("LOCK TABLE page IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StorekeeperError, match=r"table page of database default.*lock timeout"):
            ask(ORPHAN, databases={"default": server.settings()})


def test_engines_that_cannot_be_asked_are_no_answer(tmp_path: Path, ask: Ask) -> None:
    """One database of a kind that we do not know may name any file; no database and memory name none."""
    known = sqlite(tmp_path / "one.sqlite3", "CREATE TABLE t (x)")
    unknown = {"ENGINE": "django.db.backends.mysql", "NAME": "shop"}
    with pytest.raises(ConfigurationError, match=r"database old .*mysql.* cannot be asked"):
        ask(ORPHAN, databases={"default": known, "old": unknown})
    nothing = {"ENGINE": "django.db.backends.dummy", "NAME": ""}
    memory = {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:x?mode=memory&cache=shared"}
    assert {} == ask(ORPHAN, databases={"default": nothing, "memory": memory, "one": known}).places


def test_a_database_or_table_that_is_missing_is_no_answer(tmp_path: Path, ask: Ask) -> None:
    """An SQLite file that is away, as on an unmounted disk, and a file field without its table."""
    known = sqlite(tmp_path / "one.sqlite3", "CREATE TABLE t (x)")
    missing = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "away.sqlite3")}
    with pytest.raises(StorekeeperError, match=r"away.sqlite3"):
        ask(ORPHAN, databases={"default": known, "away": missing})
    # As Django makes one when it opens the file that is away.
    (tmp_path / "away.sqlite3").touch()
    with pytest.raises(StorekeeperError, match=r"away.sqlite3.*empty"):
        ask(ORPHAN, databases={"default": known, "away": missing})
    with pytest.raises(StorekeeperError, match=r"has no table app_product, in which app.Product names files"):
        ask(ORPHAN, databases={"default": known}, models=[model("app_product", "image")])


def test_a_damaged_database_is_no_answer(tmp_path: Path, ask: Ask) -> None:
    """Pages that cannot be read may have named the file."""
    rows = [("INSERT INTO t VALUES (?)", ("x" * 900,)) for _ in range(100)]
    path = tmp_path / "one.sqlite3"
    settings = sqlite(path, "CREATE TABLE t (x)", *rows)
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 5)
    with pytest.raises(StorekeeperError, match="table t of database default"):
        ask(ORPHAN, databases={"default": settings})


def model(table: str, *file_fields: str, database: str = "default") -> dict[str, Any]:
    """Return the description of a model with these file fields."""
    return {
        "label": "app.Product", "table": table, "database": database, "managed": True, "primary_key": "id",
        "primary_key_column": "id", "columns": {name: (table, name) for name in ("id", *file_fields)},
        "file_fields": [
            {"name": name, "column": name, "upload_to": "", "storage_location": None} for name in file_fields
        ],
    }  # fmt: skip


def test_values_of_rows_that_go_do_not_count_once_each(tmp_path: Path, ask: Ask) -> None:
    """A row that goes names nothing by its own field; another row with the same value, or text, does."""
    settings = sqlite(
        tmp_path / "one.sqlite3",
        "CREATE TABLE code (id INTEGER PRIMARY KEY, image TEXT, note TEXT)",
        "CREATE TABLE history (image TEXT)",
        "INSERT INTO code (image, note) VALUES ('qr/1.png', ''), ('qr/two.png', ''), ('qr/two.png', ''),"
        " ('qr/three.png', 'see qr/three.png'), ('qr/four.png', '')",
        "INSERT INTO history VALUES ('qr/four.png')",
    )
    column = Column(database="default", table="code", column="image")
    going = {column: Counter({"qr/1.png": 1, "qr/two.png": 1, "qr/three.png": 1, "qr/four.png": 1})}
    files = ["qr/1.png", "qr/two.png", "qr/three.png", "qr/four.png"]
    twice = {"default": settings, "same": {**settings}}
    found = ask(*files, databases=twice, models=[model("code", "image")], going=going)
    assert {
        "qr/two.png": "default: code.image",
        "qr/three.png": "default: code.note",
        "qr/four.png": "default: history.image",
    } == found.places
    assert 5 == found.references
    both = {
        column: Counter({"qr/two.png": 2}),
        Column(database="same", table="code", column="image"): Counter(),
    }
    assert {} == ask("qr/two.png", databases=twice, models=[model("code", "image")], going=both).places
    # Counted under both names of one database, the allowance is still one for each row.
    same = {Column(database=name, table="code", column="image"): Counter({"qr/two.png": 1}) for name in twice}
    assert ask("qr/two.png", databases=twice, models=[model("code", "image")], going=same).places


def test_a_large_database_without_write_ahead_log_is_read_again_after_a_change(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that moves from a table still to be read to one that was read already is found all the same."""
    monkeypatch.setattr("storekeeper.measure.sqlite_texts.READ_AT_ONCE_BYTES", 0)
    path = tmp_path / "one.sqlite3"
    settings = sqlite(
        path,
        "CREATE TABLE a (x TEXT)", "INSERT INTO a VALUES ('')", "INSERT INTO a VALUES ('other')",
        "CREATE TABLE b (x TEXT)", "INSERT INTO b VALUES ('between')",
        "CREATE TABLE c (x TEXT)", "INSERT INTO c VALUES ('moved.jpg')",
    )  # fmt: skip
    monkeypatch.setattr(NameSearch, "look", moving(path, look=NameSearch.look))
    found = find_names(["moved.jpg"], config=config, description=described({"default": settings}))
    assert {"moved.jpg"} == set(found.places)


def moving(path: Path, *, look: Any) -> Any:
    """Return a search that lets a writer move a name from table c to table a when it begins to look."""

    def first_move(search: NameSearch, text: str, *, place: str) -> None:
        connection = sqlite3.connect(path, timeout=0)
        # Where a reader holds the file, the writer cannot commit.
        with suppress(sqlite3.OperationalError), connection:
            connection.execute("UPDATE a SET x = 'moved.jpg' WHERE x = ''")
            connection.execute("DELETE FROM c")
        connection.close()
        look(search, text, place=place)

    return first_move


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_sqlite_is_read_in_one_snapshot_where_that_holds_nobody_up(
    tmp_path: Path, config: Config, journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed meanwhile is not seen half: beside a write-ahead log, and in a small database."""
    path = tmp_path / "one.sqlite3"
    settings = sqlite(
        path, "CREATE TABLE a (x TEXT)", "INSERT INTO a VALUES (''), ('other')",
        "CREATE TABLE b (x TEXT)", "INSERT INTO b VALUES ('between')",
        "CREATE TABLE c (x TEXT)", "INSERT INTO c VALUES ('moved.jpg')", journal_mode=journal,
    )  # fmt: skip
    monkeypatch.setattr(NameSearch, "look", moving(path, look=NameSearch.look))
    found = find_names(["moved.jpg"], config=config, description=described({"default": settings}))
    assert {"moved.jpg": "default: c.x"} == found.places


def test_databases_of_the_config_alone_are_asked_too(tmp_path: Path) -> None:
    """A database with an address of its own in the config may name files as well."""
    sqlite(tmp_path / "legacy.sqlite3", "CREATE TABLE t (x)", "INSERT INTO t VALUES ('old.jpg')")
    text = "shop: test\ndatabases: {legacy: {url: 'sqlite:///legacy.sqlite3'}}\n"
    config = parse_config(text, name="test", folder=tmp_path)
    found = find_names(["old.jpg", ORPHAN], config=config, description=described({}))
    assert {"old.jpg": "legacy: t.x"} == found.places
