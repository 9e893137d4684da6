"""What of a JSON backup ``loaddata`` alone would not bring back as it was: restore_backup does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from storekeeper.backups import Manifest
from storekeeper.shopside.table_columns import NOT_THERE

_NAMED = 5
_LEFT_OUT_NAMED = 20
_LOSES_NAMED = 10

_EMPTY_FIRST = (
    "manage.py loaddata keeps the rows that migrations make in an empty database: type"
    " manage.py flush --no-input before it, or storekeeper restore_backup FILE, which empties and compares"
)


def losses_of(
    tables: Mapping[str, Mapping[str, Any]], *, dangling: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """
    Return for each ``app.Model.column`` how many values would come back otherwise, and the first keys.

    ``dangling`` are those of SQLite, by ``table.column``, for which loaddata refuses the whole file.
    """
    found = {}
    for label, table in sorted(tables.items()):
        for column, lost in sorted(table.get("lost", {}).items()):
            found[f"{label}.{column}"] = _said(lost)
    for column, lost in sorted(dangling.items()):
        found[column] = f"{_said(lost)} refers to no row: loaddata refuses the file"
    return found


def rows_left(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Return which rows the backup does not hold, ``""`` for none."""
    named = [row for table in tables.values() for row in table.get("left", ())]
    count = sum(table.get("left_rows", 0) for table in tables.values())
    more = f", and {count - _NAMED} more" if count > _NAMED else ""
    return "; ".join(named[:_NAMED]) + more


def notes_on(manifest: Manifest) -> Iterator[str]:
    """Yield what whoever reads the output must know of a backup that was just made."""
    if manifest.format != "json":
        return
    if manifest.loses:
        named = ", ".join(f"{column} ({how})" for column, how in list(manifest.loses.items())[:_LOSES_NAMED])
        more = len(manifest.loses) - _LOSES_NAMED
        also = f" and {more} more, which the manifest names" if more > 0 else ""
        yield (
            f"{manifest.file}: manage.py loaddata alone would not bring back as it is: {named}{also};"
            " storekeeper restore_backup does"
        )
    absent = {name: why for name, why in manifest.left_out.items() if why.startswith(NOT_THERE)}
    left_out = [name for name in manifest.left_out if name not in absent]
    if left_out:
        yield f"{manifest.file} does not hold: {_first(left_out)}; the native format does"
    if absent:
        why = next(iter(absent.values()))
        yield f"{manifest.file} was made without what the shop's code has: {_first(list(absent))}: {why}"
    if manifest.drift:
        yield (
            f"{manifest.file}: {drift_of(manifest)}; tables that migrate makes refuse them, and so does"
            " storekeeper restore_backup there: change the models, or these rows, or keep --format=native too"
        )
    if manifest.lacks:
        yield f"{manifest.file} lacks rows: {manifest.lacks}"
    yield _EMPTY_FIRST


def drift_of(manifest: Manifest) -> str:
    """Return which columns hold what the shop's models forbid, ``""`` for none."""
    return _first([f"{name}: {how}" for name, how in manifest.drift.items()])


def _first(names: Sequence[str]) -> str:
    more = len(names) - _LEFT_OUT_NAMED
    return ", ".join(names[:_LEFT_OUT_NAMED]) + (f" and {more} more" if more > 0 else "")


def _said(lost: Mapping[str, Any]) -> str:
    count = lost["rows"]
    if lost.get("numbers"):
        return f"{count} numbers of content types or permissions"
    keys = ", ".join(lost["keys"]) + (", …" if count > len(lost["keys"]) else "")
    return f"{count} value{'s' if count != 1 else ''}, of key {keys}"
