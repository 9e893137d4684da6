"""Which columns the tables of a fixture have, beside those that the shop's models know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .patience import state_of

NOT_THERE = "the database does not have it"
"""Why something of the shop's code stands in no backup."""

# What PostgreSQL calls a column and a table that are not there.
_UNKNOWN = ("42703", "42P01")


class TableColumns:
    """
    How the tables of ``models`` are, where code and database do not agree.

    ``missing`` are the models without a table, or without the key's column in it: nothing of them can be
    read. ``absent`` has by label the columns that a model has and its table does not. ``extra`` has by label
    the columns of a table that no field reads → whether the database computes them. Within a transaction.
    """

    def __init__(self, models: Iterable[Any], *, connection: Any) -> None:
        self.missing: list[Any] = []
        self.absent: dict[str, frozenset[str]] = {}
        self.extra: dict[str, dict[str, bool]] = {}
        self._connection = connection
        self._models = list(models)
        found = _columns(connection, [model._meta.db_table for model in self._models])
        for model in self._models:
            self._compare(model, found.get(model._meta.db_table, {}), connection=connection)

    def reads(self, model: Any) -> bool:
        """Return whether the rows of the model can be read at all."""
        return model not in self.missing

    def forget_absent(self) -> None:
        """Let Django write the tables as they are, without the columns that they have not, from now on."""
        for model in self._models:
            meta = model._meta
            absent = self.absent.get(meta.label)
            if absent:
                for field in [field for field in meta.local_fields if field.column in absent]:
                    meta.local_fields.remove(field)
                meta._expire_cache()

    def drop_extra(self) -> None:
        """Take the columns that no field reads out of a scratch database: one may refuse to be NULL."""
        for model in self._models:
            for column in self.extra.get(model._meta.label, ()):
                quote = self._connection.ops.quote_name
                cascade = " CASCADE" if self._connection.vendor == "postgresql" else ""
                table = quote(model._meta.db_table)
                # One that cannot be dropped stays: it may take NULL.
                tried(self._connection, f"ALTER TABLE {table} DROP COLUMN {quote(column)}{cascade}")

    def _compare(self, model: Any, found: dict[str, bool], *, connection: Any) -> None:
        meta = model._meta
        folded = str.lower if connection.vendor == "sqlite" else str
        fields = [field.column for field in meta.local_fields if field.column is not None]
        there = {folded(column) for column in found}
        # A database may have columns that it does not list (ctid, rowid): it is asked for what is to be left.
        absent = frozenset(
            column
            for column in fields
            if folded(column) not in there and _refuses(connection, table=meta.db_table, column=column)
        )
        keys = {field.column for field in getattr(meta.pk, "fields", (meta.pk,)) if field.model is model}
        if absent & keys:
            self.missing.append(model)
            return
        if absent:
            self.absent[meta.label] = absent
        read = {folded(column) for column in fields}
        extra = {column: computed for column, computed in found.items() if folded(column) not in read}
        if extra and found:
            self.extra[meta.label] = extra


def _columns(connection: Any, tables: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Return by table the columns that the database lists → whether it computes them."""
    quote = connection.ops.quote_name
    found: dict[str, dict[str, bool]] = {}
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for table in tables:
                cursor.execute(f"PRAGMA table_xinfo({quote(table)})")
                found[table] = {row[1]: row[6] in (2, 3) for row in cursor.fetchall() if row[6] != 1}
            return found
        computed = "a.attgenerated <> ''" if connection.pg_version >= 120000 else "false"
        cursor.execute(
            f"SELECT w.name, a.attname, {computed} FROM unnest(%s::text[], %s::text[]) AS w (name, quoted)"
            " JOIN pg_catalog.pg_attribute a ON a.attrelid = to_regclass(w.quoted)"
            " WHERE a.attnum > 0 AND NOT a.attisdropped",
            [list(tables), [quote(table) for table in tables]],
        )
        for table, column, is_computed in cursor.fetchall():
            found.setdefault(table, {})[column] = is_computed
    return found


def _refuses(connection: Any, *, table: str, column: str) -> bool:
    """Return whether the database says that there is no such column, or no such table."""
    from django.db import Error

    quote = connection.ops.quote_name
    error = tried(connection, f"SELECT {quote(table)}.{quote(column)} FROM {quote(table)} LIMIT 0")[1]
    if not isinstance(error, Error):
        return False
    if connection.vendor == "sqlite":
        return "no such column" in str(error) or "no such table" in str(error)
    return state_of(error) in _UNKNOWN


def values_in(connection: Any, *, table: str, columns: Sequence[str]) -> list[int] | None:
    """Return how many values that are not NULL each column has; None where they may not be read."""
    quote = connection.ops.quote_name
    counts = ", ".join(f"count({quote(column)})" for column in columns)
    row, _ = tried(connection, f"SELECT {counts} FROM {quote(table)}")
    return None if row is None else list(row)


def tried(connection: Any, query: str) -> tuple[Any, Exception | None]:
    """Return the first row and the database's refusal; the transaction goes on after one."""
    from django.db import Error

    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT storekeeper_columns")
        try:
            cursor.execute(query)
            row, error = cursor.fetchone() if cursor.description else None, None
        except Error as refused:
            cursor.execute("ROLLBACK TO SAVEPOINT storekeeper_columns")
            row, error = None, refused
        cursor.execute("RELEASE SAVEPOINT storekeeper_columns")
    return row, error
