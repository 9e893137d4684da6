"""A difference is named: its table, its column and the key of its row, whatever it is."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actions.backups.raw.sqlite import keys_of, sqlite_sums
from actions.backups.raw_differences import (
    find_differences,
    find_sequence_differences,
    find_sequences_behind,
)
from storekeeper.backups import RawSequence, RawSums

VALUES = st.one_of(
    st.none(), st.integers(-99, 99), st.floats(0, 1), st.text("ab\0 ", max_size=3), st.binary(max_size=2)
)
ROWS = st.dictionaries(st.integers(1, 10**6), st.tuples(VALUES, VALUES), min_size=1, max_size=30)


def differences(before: dict[int, Any], after: dict[int, Any]) -> list[str]:
    """Give what the comparison says of a table that held ``before`` and holds ``after``."""
    with closing(_database(before)) as old, closing(_database(after)) as new:

        def keys(table: str, numbers: Collection[int]) -> dict[int, str]:
            wanted = frozenset(numbers)
            return {**dict(keys_of(old, table, numbers=wanted)), **dict(keys_of(new, table, numbers=wanted))}

        sums = [RawSums.model_validate(sqlite_sums(one)) for one in (old, new)]
        return list(find_differences(*sums, tables={"app.T": "t"}, keys=keys))


def _database(rows: dict[int, Any]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, first, second)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [(key, *row) for key, row in rows.items()])
    return connection


def _stored(row: tuple[Any, ...]) -> list[tuple[type, str]]:
    # SQLite keeps no sign of zero.
    return [(type(value), repr(value).replace("-0.0", "0.0")) for value in row]


@given(rows=ROWS, data=st.data())
@settings(deadline=None, max_examples=80)
def test_a_changed_value_is_named(rows: dict[int, Any], data: st.DataObject) -> None:
    """One value, of any type and in any row: table, column and key stand in one line."""
    assert differences(rows, rows) == []
    key = data.draw(st.sampled_from(sorted(rows)))
    place = data.draw(st.integers(0, 1))
    row = list(rows[key])
    row[place] = data.draw(VALUES)
    if _stored(tuple(row)) == _stored(rows[key]):
        return
    (told,) = differences(rows, {**rows, key: tuple(row)})
    column = ("first", "second")[place]
    assert told == f"app.T: {len(rows)} rows, but not all of them are equal: {column} of id {key}"


@given(rows=ROWS, data=st.data())
@settings(deadline=None, max_examples=40)
def test_a_missing_and_a_new_row_are_named(rows: dict[int, Any], data: st.DataObject) -> None:
    """A row less or more: the numbers of rows are told, and which row it is."""
    key = data.draw(st.sampled_from(sorted(rows)))
    less = {one: row for one, row in rows.items() if one != key}
    (told,) = differences(rows, less)
    assert told == f"app.T: {len(less)} rows, not {len(rows)} (look at id {key})"
    (told,) = differences(less, rows)
    assert told == f"app.T: {len(rows)} rows, not {len(less)} (look at id {key})"


def test_swapped_values_are_named() -> None:
    """The same values in each other's rows are no equal rows."""
    (told,) = differences({1: ("a", 1), 2: ("b", 2)}, {1: ("b", 1), 2: ("a", 2)})
    assert told == "app.T: 2 rows, but not all of them are equal: first of id 1, 2"


def test_a_key_that_is_no_text_is_named_by_its_bytes() -> None:
    """SQLite keeps any bytes as text: naming such a row stops nothing."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY)")
        connection.execute("INSERT INTO t VALUES (CAST(x'eda080' AS TEXT))")
        sums = RawSums.model_validate(sqlite_sums(connection))
        connection.execute("DELETE FROM t")
        less = RawSums.model_validate(sqlite_sums(connection))
        connection.execute("INSERT INTO t VALUES (CAST(x'eda080' AS TEXT))")

        def keys(table: str, numbers: Collection[int]) -> dict[int, str]:
            return dict(keys_of(connection, table, numbers=frozenset(numbers)))

        assert ["app.T: 0 rows, not 1 (look at id x'eda080')"] == list(
            find_differences(sums, less, tables={"app.T": "t"}, keys=keys)
        )


def test_rows_beyond_naming_are_still_told() -> None:
    """Thousands of rows that differ: a column is named, and that it is about more rows."""
    before = {key: (key, "same") for key in range(1, 3000)}
    (told,) = differences(before, {key: (-key, "same") for key in range(1, 3000)})
    assert told.startswith("app.T: 2999 rows, but not all of them are equal: first")


def test_tables_that_were_not_compared_are_told() -> None:
    """What was not read, or is not there, is a difference and never passes in silence."""
    sums = RawSums.model_validate({"method": "x", "tables": {"t": {"rows": 0}}, "unread": {"u": "locked"}})
    nothing = RawSums(method="x")
    told = list(find_differences(sums, nothing, tables={"T": "t", "U": "u"}, keys=lambda *_: {}))
    assert told == [
        "T: its table t cannot be read: it is not there",
        "U: its table u was not read when the backup was made: locked",
    ]
    column = RawSums.model_validate({"method": "x", "tables": {"t": {"rows": 0, "columns": {"a": "0 0"}}}})
    (told_column,) = find_differences(column, sums, tables={"T": "t"}, keys=lambda *_: {})
    assert told_column == "T: no column a in t"


def test_sequences_are_compared() -> None:
    """One that is missing or stands elsewhere is told; of a dump only one that would repeat a number."""
    before = {"a": RawSequence(value=5), "b": RawSequence(value=7), "down": RawSequence(value=-7, step=-1)}
    after = {"a": RawSequence(value=6), "down": RawSequence(value=-6, step=-1)}
    assert list(find_sequence_differences(before, after)) == [
        "the sequence a stands at 6, not at 5",
        "the sequence b is not there",
        "the sequence down stands at -6, not at -7",
    ]
    assert list(find_sequences_behind(before, after)) == [
        "the sequence b is not there",
        "the sequence down stands at -6, behind -7",
    ]
