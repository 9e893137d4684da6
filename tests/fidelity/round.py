"""A shop made at random from a seed: backup, restore into an empty database, comparison by plain SQL."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import django
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import Error, connection, connections, models, transaction

from actions.backups.fixture_lines import SEPARATOR, FixtureLines
from tests.fidelity.fields import ANYTHING, KINDS, Kind, postgresql_kinds

NAMES = ("Shop.Order", "order line", "UPPER", "ខ្មែរ", "select", "a-b", "t")
COLUMNS = ("Group", "from", "dotted.name", "it's", "UPPER Case", "ខ្មែរ", "x")
ROWS = 4


@dataclass(kw_only=True)
class Round:
    """``put`` counts the values that were stored, ``beside`` those that stood beside the fields."""

    seed: int
    folder: Path
    put: int = 0
    beside: int = 0
    made: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.postgresql = connection.vendor == "postgresql"
        self.kinds: dict[str, Kind] = {**KINDS, **(postgresql_kinds() if self.postgresql else {})}

    def problems(self) -> Iterator[str]:
        """Make the shop, back it up, restore it, and yield what is not as it was."""
        self._make()
        try:
            before = self._rows()
            path = self.folder / "backup.json.gz"
            summary = self._back_up(path)
            left = {label for label, table in summary["tables"].items() if table["left_rows"]}
            self.beside = sum(
                lost["rows"] for table in summary["tables"].values() for lost in table["lost"].values()
            )
            self._empty()
            differences = self._restore(path, summary)
            after = self._rows()
            labels = {model._meta.db_table: model._meta.label for model in self.made}
            for table in before:
                if labels.get(table) in left:
                    continue
                if before[table] != after[table]:
                    yield f"{table}: before {_first_difference(before[table], after[table])}; {differences}"
            if not left and differences:
                yield f"equal, but told: {differences}"
        finally:
            self._forget()

    def _make(self) -> None:
        rng = self.rng
        for number in range(rng.randint(1, 3)):
            self.made.append(self._model(number))
        with connection.schema_editor() as editor:
            for model in self.made:
                editor.create_model(model)
        # SQLite lets rows refer to what is not there, where another program writes them.
        connection.disable_constraint_checking()
        for model in self.made:
            for key in range(1, ROWS + 1):
                self._insert(model, key)

    def _model(self, number: int) -> Any:
        rng = self.rng
        attributes: dict[str, Any] = {"__module__": "made.models"}
        # Django itself cannot count keys of a table of PostgreSQL with an apostrophe in its name.
        names = NAMES if self.postgresql else (*NAMES, "it's")
        options = {"app_label": "made", "db_table": f"{rng.choice(names)} {number}"}
        self._keys(attributes)
        for place in range(rng.randint(1, 5)):
            name = rng.choice(sorted(self.kinds))
            column = f"{rng.choice(COLUMNS)} {place}" if rng.random() < 0.3 else None
            given = {"null": rng.random() < 0.6, "db_column": column}
            made = self.kinds[name].field(rng, given)
            made.storekeeper_kind = name
            attributes[f"{name}_{place}"] = made
        if self.made and rng.random() < 0.5:
            target = rng.choice(self.made)
            if len(getattr(target._meta.pk, "fields", (1,))) == 1:
                attributes["other"] = models.ForeignKey(
                    target, models.DO_NOTHING, null=True, db_constraint=False
                )
        attributes["Meta"] = type("Meta", (), options)
        return type(f"Made{number}", (models.Model,), attributes)

    def _keys(self, attributes: dict[str, Any]) -> None:
        """Give a key that is not the usual one, now and then."""
        rng = self.rng
        choice = rng.random()
        if choice < 0.5:
            return
        if choice < 0.6:
            attributes["id"] = models.OneToOneField(ContentType, models.DO_NOTHING, primary_key=True)
        elif choice < 0.7:
            attributes["id"] = models.OneToOneField(Permission, models.DO_NOTHING, primary_key=True)
        elif choice < 0.8:
            attributes["id"] = models.CharField(max_length=99, primary_key=True)
        elif choice < 0.9:
            attributes["id"] = models.UUIDField(primary_key=True)
        elif django.VERSION >= (5, 2):
            attributes["pk"] = models.CompositePrimaryKey("no", "part")
            attributes["no"] = models.IntegerField()
            attributes["part"] = models.CharField(max_length=9)

    def _insert(self, model: Any, key: int) -> None:
        rng = self.rng
        quote = connection.ops.quote_name
        values: dict[str, Any] = {}
        for one in model._meta.local_concrete_fields:
            if one.column is None:
                continue
            kind = getattr(one, "storekeeper_kind", None)
            if kind is None:
                values[one.column] = self._key(one, key)
            elif one.null and rng.random() < 0.3:
                values[one.column] = None
            elif self.postgresql:
                values[one.column] = self.kinds[kind].postgresql(rng)  # type: ignore[misc]
            elif rng.random() < 0.2:
                values[one.column] = rng.choice(ANYTHING)
            else:
                values[one.column] = self.kinds[kind].sqlite(rng)
        names = ", ".join(map(quote, values))
        marks = ", ".join(["%s"] * len(values))
        statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({marks})"
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                if not self.postgresql:
                    cursor.execute("PRAGMA ignore_check_constraints = ON")
                cursor.execute(statement, list(values.values()))
        except Error:
            return
        self.put += len(values)

    def _key(self, one: Any, key: int) -> Any:
        if one.name == "other":
            return None if self.postgresql else self.rng.choice((None, 1, "k1", f"{1:032x}", 999, "nothing"))
        value: Any = key
        if isinstance(one, models.UUIDField):
            value = f"{key:032x}"
        elif isinstance(one, models.CharField):
            value = f"{self.rng.choice(('k', 'K ', 'ខ', '%'))}{key}"
        return str(value) if self.postgresql else value

    def _rows(self) -> dict[str, list[str]]:
        """Return every table's rows as plain SQL shows them: each value with its type."""
        connection.close()
        quote = connection.ops.quote_name
        found = {}
        for model in (ContentType, Permission, *self.made):
            columns = [one.column for one in model._meta.local_concrete_fields if one.column is not None]
            table = model._meta.db_table
            connection.ensure_connection()
            with connection.cursor() as cursor:
                if self.postgresql:
                    shown = ", ".join(f"{quote(column)}::text" for column in columns)
                else:
                    connection.connection.text_factory = bytes
                    shown = ", ".join(f"typeof({quote(column)}), +{quote(column)}" for column in columns)
                cursor.execute(f"SELECT {shown} FROM {quote(table)}")
                found[table] = sorted(map(repr, cursor.fetchall()))
        connection.close()
        return found

    def _back_up(self, path: Path) -> dict[str, Any]:
        from storekeeper.shopside.fixture import dump_fixture

        lines = FixtureLines()
        text = b""
        summary: dict[str, Any] = {}
        for answer in dump_fixture(database="default"):
            if isinstance(answer, bytes):
                text += lines.feed(answer)
            elif "table" in answer:
                lines.begin(**answer["table"])
            elif "summary" in answer:
                summary = answer["summary"]
        sums = lines.sums(summary["tables"])
        path.write_bytes(gzip.compress(b"[\n" + text[: -len(SEPARATOR)] + b"\n]\n", 1))
        return {**summary, "sums": {label: table.model_dump() for label, table in sums.items()}}

    def _empty(self) -> None:
        """Begin with tables that are empty, and content types that have other numbers."""
        connection.close()
        with connection.schema_editor() as editor:
            for model in reversed(self.made):
                editor.delete_model(model)
            for model in self.made:
                editor.create_model(model)
        Permission.objects.all().delete()
        ContentType.objects.all().delete()
        ContentType.objects.clear_cache()
        connection.close()

    def _restore(self, path: Path, summary: dict[str, Any]) -> list[str]:
        from storekeeper.shopside.restore import restore_fixture

        differences: list[str] = []
        loader = self.rng.choice(("loaddata", "batches"))
        for answer in restore_fixture(
            database="default", path=str(path), loader=loader, tables=summary["sums"],
            migrations=summary["migrations"], past=False, numbers=summary["numbers"],
        ):  # fmt: skip
            differences = answer.get("differences", differences)
        return differences

    def _forget(self) -> None:
        connections.close_all()
        if self.postgresql:
            with connection.schema_editor() as editor:
                for model in reversed(self.made):
                    editor.delete_model(model)
        apps.all_models["made"].clear()
        apps.clear_cache()
        ContentType.objects.clear_cache()


def _first_difference(before: list[str], after: list[str]) -> str:
    gone = [row for row in before if row not in after]
    come = [row for row in after if row not in before]
    return f"{gone[:1]} after {come[:1]} ({len(before)} and {len(after)} rows)"
