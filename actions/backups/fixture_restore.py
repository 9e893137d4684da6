"""Load a JSON backup through the shop's Django, and tell a bad backup from a bad moment."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actions.action import Context, Progress
from actions.backups.damage import NotProved
from actions.backups.losses import drift_of
from storekeeper.backups import Manifest
from storekeeper.backups.packed_json import unpacked_json
from storekeeper.backups.raw_sums import POSTGRESQL_METHOD, SQLITE_METHOD
from storekeeper.backups.table_names import is_of_migrate, table_of
from storekeeper.errors import BackupRefused, DatabaseUnavailable, ShopError, StorekeeperError
from storekeeper.shop.shop import Conversation

# The database's words about rows, not about itself.
_ROWS_AT_FAULT = ("IntegrityError", "DataError")
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """
    How a fixture was loaded.

    ``own_schema``: into tables that the backup's own schema made, where the rows were not compared yet.
    ``newer``: the shop's code has migrations that the backup has not. ``missing_sequences`` are not there.
    """

    own_schema: bool
    newer: bool
    missing_sequences: tuple[str, ...] = ()


def load_fixture(
    conversation: Conversation,
    *,
    context: Context,
    alias: str,
    backup: Path,
    manifest: Manifest,
    loader: str,
    past: bool,
    made: bool = False,
) -> Loaded:
    """
    Restore a fixture and compare every row; return what else there is to say.

    ``made`` where the tables are in the scratch database already. In tables of the backup's own schema the
    rows are not compared here: who asks compares them with SQL.

    ``past`` makes the tables as they were when the backup was made, for a scratch database; otherwise they
    are those of the shop's code of today. Raises NotProved for a fixture that cannot be loaded or restores
    to something else. Where the schema has changed since, nobody can tell whose fault that is: then, as for
    a shop that breaks off, another BackupRefused or StorekeeperError is raised, which says what to do.
    Whatever was loaded is rolled back.
    """
    differences: list[str] | None = None
    missing: list[str] = []
    own_schema = False
    newer: list[str] = []
    loading = False
    answers = conversation.stream(
        "restore_fixture",
        database=alias,
        path=str(backup.absolute()),
        loader=loader,
        tables={label: table.model_dump() for label, table in manifest.tables.items()},
        migrations=list(manifest.migrations),
        past=past,
        schema=_schema_of(manifest, made=made),
        sequences=_sequences_of(manifest),
        numbers=unpacked_json(manifest.numbers),
    )
    try:
        for answer in answers:
            if context.cancelled():
                raise BackupRefused("cancelled")
            if "schema" in answer:
                loading = True
                newer = answer["schema"]["newer"] if manifest.migrations else []
                own_schema = answer["schema"]["made"]
                if past and manifest.migrations and answer["schema"]["unknown"]:
                    raise _of_another_code(backup, manifest, unknown=answer["schema"]["unknown"])
            elif "progress" in answer:
                context.report(Progress(done=answer["progress"]["done"], total=manifest.rows, unit="rows"))
            else:
                differences = answer["differences"]
                missing = answer["missing"]
    except (ShopError, DatabaseUnavailable) as error:
        if not loading or not _speaks_of_rows(error):
            raise
        judged = _judged(backup, manifest, f"cannot be loaded: {error.message}", newer=newer)
        if not newer and not own_schema:
            judged.hint = _of_other_tables(manifest)
        raise judged from None
    if differences is None:
        raise BackupRefused(f"{backup.name}: the shop ended its answer without a result")
    if differences:
        told = _first(differences)
        raise _judged(
            backup, manifest, f"restores to something else than it was made from: {told}", newer=newer
        )
    return Loaded(own_schema=own_schema, newer=bool(newer), missing_sequences=tuple(missing))


def _schema_of(manifest: Manifest, *, made: bool) -> dict[str, Any]:
    raw = manifest.raw
    statements = unpacked_json(raw.ddl) if raw is not None and raw.method == SQLITE_METHOD else []
    tables = [table.stored_as for table in manifest.tables.values()]
    return {"made": made, "statements": statements or [], "tables": tables}


def _sequences_of(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the sequences, as the shop's side sets them; none for a database of another kind."""
    if manifest.raw is None:
        return []
    found = []
    for name, sequence in manifest.raw.sequences.items():
        server = manifest.raw.method == POSTGRESQL_METHOD
        schema, plain = table_of(name) if server else ("", name)
        if is_of_migrate(sequence.owner):
            # It counts what migrate itself writes down.
            continue
        found.append(
            {
                "name": name,
                "schema": schema,
                "plain": plain,
                "value": sequence.value,
                "is_called": sequence.is_called,
            }
        )
    return found


def _speaks_of_rows(error: StorekeeperError) -> bool:
    if isinstance(error, DatabaseUnavailable):
        return error.message.startswith(_ROWS_AT_FAULT)
    # An interpreter that was killed says nothing about the backup.
    return not error.message.startswith("the shop's interpreter")


def _judged(backup: Path, manifest: Manifest, what: str, *, newer: list[str]) -> BackupRefused:
    """Give the error: the backup's fault only where its schema is the shop's."""
    if not newer:
        return NotProved(f"{backup.name} {what}")
    return BackupRefused(
        f"{backup.name} is older than {len(newer)} of the shop's migrations ({_first(newer)}) and {what}",
        hint=f"This proves nothing against it. Put the shop's code of {manifest.created:%Y-%m-%d} in place "
        "to verify or restore it, then migrate",
    )


def _of_other_tables(manifest: Manifest) -> str:
    told = f": {drift_of(manifest)}" if manifest.drift else ""
    return (
        "The tables here are those that migrate makes; they refuse what the backup's own took"
        f"{told}. Let the columns and constraints here be as they were there and try again, or restore a"
        " backup of --format=native, which brings its own tables"
    )


def _of_another_code(backup: Path, manifest: Manifest, *, unknown: list[str]) -> BackupRefused:
    return BackupRefused(
        f"{backup.name} cannot be tried: it was made after {len(unknown)} migrations that the shop's code "
        f"does not have ({_first(unknown)})",
        hint=f"Put the shop's code of {manifest.created:%Y-%m-%d} in place to verify or restore it",
    )


def _first(names: list[str]) -> str:
    return "; ".join(names[:_SHOWN]) + ("; …" if len(names) > _SHOWN else "")
