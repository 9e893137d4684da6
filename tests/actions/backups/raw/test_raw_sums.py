"""Raw sums: equal for equal rows whatever their order, and different for every value that differs."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.backups.raw.postgresql import enter_snapshot, postgresql_sums
from actions.backups.raw.sqlite import sqlite_sums

# Values that a careless comparison takes for equal, one line for each storage class of SQLite.
ALIKE = [
    [None, "", b"", 0, 0.0, "0", b"0"],
    [1, 1.0, "1", "1.0", b"1", "01"],
    ["a", "a ", "A", "a\0", "a\0b", b"a", "\u00e9", "e\u0301"],
    ["null", None, "NULL", b"null"],
    [2**63 - 1, -(2**63), float(2**63), "9223372036854775807"],
    [0.1, 0.1 + 2**-56, float("inf"), "inf"],
]


def sums_of(statements: list[tuple[str, tuple[Any, ...]]]) -> dict[str, Any]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement, values in statements:
            connection.execute(statement, values)
        return sqlite_sums(connection)


def table_of(rows: list[tuple[Any, Any]]) -> dict[str, Any]:
    made: list[tuple[str, tuple[Any, ...]]] = [("CREATE TABLE t (id INTEGER PRIMARY KEY, value)", ())]
    made += [("INSERT INTO t VALUES (?, ?)", row) for row in rows]
    found: dict[str, Any] = sums_of(made)["tables"]["t"]
    return found


@pytest.mark.parametrize("values", ALIKE)
def test_values_that_look_alike_have_different_sums(values: list[Any]) -> None:
    """NULL, '', 0, 0.0, '0' and their blobs are told apart, and so is every byte of a text."""
    sums = [table_of([(7, value)]) for value in values]
    assert len({one["columns"]["value"] for one in sums}) == len(values)
    assert len({one["cells"] for one in sums}) == len(values)


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=9),
    st.binary(max_size=9),
)


@given(
    rows=st.dictionaries(st.integers(1, 10_000), VALUES, min_size=2, max_size=12),
    data=st.data(),
)
@settings(deadline=None, max_examples=60)
def test_order_means_nothing_and_each_value_does(rows: dict[int, Any], data: st.DataObject) -> None:
    """Rows in another order have equal sums; one value changed, or two swapped, never."""
    plain = list(rows.items())
    sums = table_of(plain)
    assert table_of(data.draw(st.permutations(plain))) == sums
    place = data.draw(st.integers(0, len(plain) - 1))
    key, old = plain[place]
    new = data.draw(VALUES.filter(lambda value: (type(value), value) != (type(old), old)))
    changed = table_of([*plain[:place], (key, new), *plain[place + 1 :]])
    assert changed["columns"]["value"] != sums["columns"]["value"]
    assert changed["columns"]["id"] == sums["columns"]["id"]
    (first, one), (second, two), *rest = plain
    if (type(one), repr(one)) != (type(two), repr(two)):
        assert table_of([(first, two), (second, one), *rest]) != sums


def test_text_that_is_no_utf8_is_summed_as_it_is() -> None:
    """Broken bytes in a text stop nothing, and are told from other broken bytes."""

    def of(text: str) -> Any:
        return sums_of(
            [
                ("CREATE TABLE t (id INTEGER PRIMARY KEY, value TEXT)", ()),
                (f"INSERT INTO t VALUES (1, CAST(x'{text}' AS TEXT)), (2, 'good')", ()),
            ]
        )

    assert of("ff41")["tables"]["t"]["columns"]["value"] != of("fe41")["tables"]["t"]["columns"]["value"]
    assert of("ff41")["unread"] == {}


def test_every_table_of_sqlite_is_read() -> None:
    """Tables without keys, with keys of two columns, with odd names, and the highest keys ever given."""
    found = sums_of(
        [
            ('CREATE TABLE "odd ""name" (a, "b.c" TEXT, d AS (a || \'x\'))', ()),
            ("CREATE TABLE pairs (a, b, c, PRIMARY KEY (b, a)) WITHOUT ROWID", ()),
            ("CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT)", ()),
            ("INSERT INTO numbered VALUES (41)", ()),
            ("DELETE FROM numbered", ()),
        ]
    )
    assert set(found["tables"]) == {'odd "name', "pairs", "numbered"}
    assert set(found["tables"]['odd "name']["columns"]) == {"a", "b.c"}
    assert found["tables"]["pairs"]["key"] == ["b", "a"]
    assert found["sequences"] == {"numbered": {"value": 41, "owner": "numbered", "highest": None}}


Sums = Callable[..., dict[str, Any]]


@pytest.fixture
def server_sums(postgresql_server: Any) -> Iterator[Sums]:
    """A function: the raw sums of a new PostgreSQL database after some statements."""

    @contextmanager
    def database(name: str) -> Iterator[str]:
        with psycopg.connect(postgresql_server.uri, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
            try:
                yield psycopg.conninfo.make_conninfo(postgresql_server.uri, dbname=name)
            finally:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def sums(*statements: str) -> dict[str, Any]:
        with database("raw_sums") as address, psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
            enter_snapshot(connection)
            return postgresql_sums(connection)

    yield sums


def test_postgresql_tells_values_apart_and_orders_not(server_sums: Sums) -> None:
    """Whatever a session's styles are: equal rows have equal sums, each different value others."""
    table = (
        "CREATE TABLE t (id int PRIMARY KEY, a text, b interval, c timestamptz, d float8, e numeric, f jsonb)"
    )
    rows = [
        "(1, 'x', '1 day', '2024-05-01 10:00+00', 0.1, 1.10, 'null')",
        "(2, NULL, '24 hours', '2024-05-01 10:00:00.000001+00', 0.3, 1.1, NULL)",
        "(3, '', '1 mon', 'infinity', 'NaN', 'NaN', '{}')",
    ]
    first = server_sums(table, f"INSERT INTO t VALUES {', '.join(rows)}")
    again = server_sums(
        table,
        "ALTER DATABASE raw_sums SET TimeZone = 'Asia/Phnom_Penh'",
        "ALTER DATABASE raw_sums SET IntervalStyle = 'iso_8601'",
        "ALTER DATABASE raw_sums SET extra_float_digits = 0",
        *(f"INSERT INTO t VALUES {row}" for row in reversed(rows)),
    )
    assert again == first
    for column, value in {
        "a": "''",
        "b": "'1 day'",
        "c": "'2024-05-01 10:00:00.000002+00'",
        "d": "0.30000000000000004",
        "e": "1.10",
        "f": "'null'",
    }.items():
        changed = server_sums(
            table, f"INSERT INTO t VALUES {', '.join(rows)}", f"UPDATE t SET {column} = {value} WHERE id = 2"
        )
        before, after = first["tables"]["t"]["columns"], changed["tables"]["t"]["columns"]
        assert [name for name in before if before[name] != after[name]] == [column]
        assert changed["tables"]["t"]["cells"] != first["tables"]["t"]["cells"]


def test_postgresql_names_tables_and_sequences_of_every_kind(server_sums: Sums) -> None:
    """Schemas, dots, percent signs, missing keys, sequences with and without a table, large objects."""
    found = server_sums(
        "CREATE SCHEMA other",
        'CREATE TABLE other."Items" (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, "a%%b" text)',
        'CREATE TABLE "legacy.items" (a int, b int)',
        'INSERT INTO "legacy.items" VALUES (1, 2), (1, 2)',
        "CREATE TABLE pairs (a int, b text, c int, PRIMARY KEY (b, a))",
        "CREATE SEQUENCE invoice_no",
        "SELECT setval('invoice_no', 500)",
        "SELECT lo_create(0)",
    )
    assert set(found["tables"]) == {"other.Items", '"legacy.items"', "pairs"}
    assert found["tables"]["pairs"]["key"] == ["b", "a"]
    assert found["tables"]['"legacy.items"']["rows"] == 2
    assert found["sequences"]["invoice_no"] == {
        "value": 500,
        "is_called": True,
        "step": 1,
        "owner": "",
        "highest": None,
    }
    assert found["sequences"]["other.Items_id_seq"]["owner"] == "other.Items"
    assert found["others"] == {"large objects": 1}


def test_postgresql_names_objects_that_are_no_tables(server_sums: Sums) -> None:
    """Views, functions, triggers, types and the settings of sequences; nothing of the server."""
    found = server_sums(
        "CREATE TABLE t (id serial PRIMARY KEY, a tsvector)",
        "CREATE TABLE plain (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY)",
        "ALTER SEQUENCE t_id_seq INCREMENT 10 CYCLE",
        *(f"CREATE VIEW v{number} AS SELECT * FROM t" for number in range(4)),
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM t",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE RULE r AS ON DELETE TO plain DO INSTEAD NOTHING",
        "CREATE POLICY p ON plain USING (true)",
        "CREATE TYPE mood AS ENUM ('a')",
        "CREATE DOMAIN number AS int",
        "CREATE TYPE pair AS (a int)",
        "CREATE TEXT SEARCH CONFIGURATION words (COPY = simple)",
        "CREATE PUBLICATION news",
    )
    assert found["others"] == {
        "views (v0, v1, v2, …)": 4,
        "materialised view (m)": 1,
        "function (f)": 1,
        "trigger (tr)": 1,
        "rule (r)": 1,
        "policy (p)": 1,
        "enum type (mood)": 1,
        "domain (number)": 1,
        "composite type (pair)": 1,
        "text search configuration (words)": 1,
        "publication (news)": 1,
        "sequence with settings of its own (t_id_seq)": 1,
    }


def test_postgresql_sums_a_partitioned_table_as_a_whole(server_sums: Sums) -> None:
    """The table that models read has all rows; that its parts are parts is known."""
    found = server_sums(
        "CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE part_2 PARTITION OF part DEFAULT",
        "INSERT INTO part VALUES (1), (99)",
    )
    assert found["tables"]["part"]["rows"] == 2
    assert sorted(found["partitions"]) == ["part_1", "part_2"]
    assert (
        found["tables"]["part"]
        == server_sums("CREATE TABLE part (id int PRIMARY KEY)", "INSERT INTO part VALUES (1), (99)")[
            "tables"
        ]["part"]
    )


def test_sqlite_names_views_and_triggers() -> None:
    """What no line of a fixture brings back."""
    found = sums_of(
        [
            ("CREATE TABLE t (id INTEGER PRIMARY KEY)", ()),
            ("CREATE VIEW v AS SELECT * FROM t", ()),
            ("CREATE VIEW w AS SELECT * FROM t", ()),
            ("CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END", ()),
        ]
    )
    assert found["others"] == {"views (v, w)": 2, "trigger (r)": 1}
