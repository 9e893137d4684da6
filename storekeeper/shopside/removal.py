"""
The removal of rows, so that one which cannot be removed holds up no other.

A part of the rows goes in one transaction. Where it fails, for a foreign key that Django does not know, a
handler of the shop that raises or a lock that is not given, it is tried again in halves, down to the row that
is to blame: that one stays, and is named with the reason. Each half is a transaction of its own, and not a
savepoint, since a deferred constraint speaks at the end of a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .moments import expired_before
from .patience import LOCK_SECONDS, patient, state_of
from .related import blocked, stands_alone
from .rows import parts, text_of
from .tables import all_rows, model_of

# Who waited once for a lock does not wait as long for each row behind it.
_SHORT_LOCK_SECONDS = 1.0
# So many rows that fail are no single ones: the rest is left for a person to look.
_MOST_FAILURES = 200
# Of PostgreSQL: a lock that was not given, a deadlock, a row that changed, a statement that took too long.
_ONE_ROWS_FAULT = ("55P03", "40P01", "40001", "57014")


def remove_rows(
    model: str,
    file: str,
    expires: str,
    before: float,
    everything: bool,
    mode: str,
    database: str,
    rows: list[list[str]],
) -> Iterator[dict[str, Any]]:
    """
    Delete the rows ([key, name of the file]), or empty their file field, where they are still as planned.

    Still: expired before that moment (unless ``everything``), naming the same file, deleted alone. Yield
    ``{"changed": N, "left": {key: why}, "table": name}`` after each commit: the rows changed by then, and
    those that cannot be changed, since the last answer. A database that is gone or full is an error.
    """
    table = model_of(model)
    planned = {table._meta.pk.to_python(key): name for key, name in rows}
    one = _Removal(table, file=file, database=database, mode=mode, planned=planned)
    if not everything:
        one.late = expired_before(table, expires, before)
    changed = 0
    for part in parts(list(planned), database):
        for done, left in one.remove(part):
            changed += done
            yield {
                "changed": changed,
                "left": {text_of(key): why for key, why in left.items()},
                "table": table._meta.db_table,
            }


class _Removal:
    def __init__(self, table: Any, *, file: str, database: str, mode: str, planned: dict[Any, str]) -> None:
        self._table = table
        self._file = file
        self._database = database
        self._mode = mode
        self._planned = planned
        self._failures = 0
        self.late: dict[str, Any] = {}

    def remove(
        self, keys: list[Any], *, lock_seconds: float = LOCK_SECONDS
    ) -> Iterator[tuple[int, dict[Any, str]]]:
        """Yield how many rows went and which stay and why, for parts of the keys."""
        if self._failures >= _MOST_FAILURES:
            yield 0, dict.fromkeys(keys, f"not tried, since {self._failures} others could not be removed")
            return
        try:
            with patient(self._connection(), lock_seconds=lock_seconds):
                result = self._try(keys)
        except Exception as error:
            # Whatever a handler of the shop raises is the fault of one row.
            if not _is_narrow(error, self._connection()):
                raise
            if len(keys) == 1:
                self._failures += 1
                yield 0, {keys[0]: _words(error)}
                return
            # A handler of the shop runs once more for each row, not once for each half.
            size = 1 if self._has_handlers() else (len(keys) + 1) // 2
            for start in range(0, len(keys), size):
                yield from self.remove(keys[start : start + size], lock_seconds=_SHORT_LOCK_SECONDS)
        else:
            yield result

    def _try(self, keys: list[Any]) -> tuple[int, dict[Any, str]]:
        """Change the rows that are still as planned, in the transaction that is open."""
        _take_write_lock(self._table, self._database)
        features = self._connection().features
        every = all_rows(self._table, using=self._database)
        wanted = every.filter(pk__in=keys, **self.late)
        still = self._as_planned(wanted)
        left: dict[Any, str] = {}
        if features.has_select_for_update:
            lock: dict[str, Any] = {}
            if features.has_select_for_update_skip_locked:
                lock["skip_locked"] = True
            if features.has_select_for_update_of:
                lock["of"] = ("self",)
            held = set(self._as_planned(wanted.select_for_update(**lock)))
            # One that was changed meanwhile is no longer as planned; a row that is still there is held.
            left = dict.fromkeys(
                (key for key in self._as_planned(wanted.filter(pk__in=still)) if key not in held),
                "another transaction holds it",
            )
            still = [key for key in still if key in held]
        if still and self._mode == "clear":
            every.filter(pk__in=still).update(**_emptied(self._table, self._file))
        elif still:
            if not stands_alone(self._table):
                stopped = blocked(self._table, still, using=self._database)
                left.update(stopped)
                still = [key for key in still if key not in stopped]
            every.filter(pk__in=still).delete()
            # A trigger of the database may keep a row without a word.
            kept = set(every.filter(pk__in=still).values_list("pk", flat=True))
            left.update(dict.fromkeys(kept, "the database kept it"))
            still = [key for key in still if key not in kept]
        return len(still), left

    def _as_planned(self, rows: Any) -> list[Any]:
        return [key for key, name in rows.values_list("pk", self._file) if name == self._planned[key]]

    def _connection(self) -> Any:
        from django.db import connections

        return connections[self._database]

    def _has_handlers(self) -> bool:
        from django.db.models import signals

        return self._mode == "delete" and any(
            signal.has_listeners(self._table) for signal in (signals.pre_delete, signals.post_delete)
        )


def _is_narrow(error: Exception, connection: Any) -> bool:
    """Return whether the fault may be that of one row, and not of the whole database."""
    from django.db import DatabaseError, InterfaceError, OperationalError

    if isinstance(error, (InterfaceError, MemoryError)):
        return False
    if isinstance(error, OperationalError):
        return state_of(error) in _ONE_ROWS_FAULT
    if isinstance(error, DatabaseError):
        # Resources, the operator, the system: whoever tries again is told the same.
        return not state_of(error).startswith(("53", "57", "58"))
    return True


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _take_write_lock(table: Any, database: str) -> None:
    """
    Make SQLite wait for other writers now.

    A transaction that has read and then wants to write fails at once when somebody wrote in between.
    """
    from django.db import connections

    connection = connections[database]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table._meta.db_table)} WHERE 1 = 0")


def _emptied(table: Any, file: str) -> dict[str, Any]:
    """Give what an empty file field is in this model, the sizes of an image with it."""
    field = table._meta.get_field(file)
    values = {file: None if field.null else ""}
    for name in (getattr(field, "width_field", None), getattr(field, "height_field", None)):
        if name and table._meta.get_field(name).null:
            values[name] = None
    return values
