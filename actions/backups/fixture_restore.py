"""Load a JSON backup through the shop's Django, and tell a bad backup from a bad moment."""

from pathlib import Path

from actions.action import Context, Progress
from actions.backups.damage import NotProved
from storekeeper.backups import Manifest
from storekeeper.errors import BackupRefused, DatabaseUnavailable, ShopError, StorekeeperError
from storekeeper.shop.shop import Conversation

# The database's words about rows, not about itself.
_ROWS_AT_FAULT = ("IntegrityError", "DataError")
_SHOWN = 5


def load_fixture(
    conversation: Conversation,
    *,
    context: Context,
    alias: str,
    backup: Path,
    manifest: Manifest,
    loader: str,
    past: bool,
) -> str:
    """
    Restore a fixture and compare every row; gives " at the schema of its time" where that was needed.

    ``past`` makes the tables as they were when the backup was made, for a scratch database; otherwise they
    are those of the shop's code of today. Raises NotProved for a fixture that cannot be loaded or restores
    to something else. Where the schema has changed since, nobody can tell whose fault that is: then, as for
    a shop that breaks off, another BackupRefused or StorekeeperError is raised, which says what to do.
    Whatever was loaded is rolled back.
    """
    differences: list[str] | None = None
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
    )
    try:
        for answer in answers:
            if context.cancelled():
                raise BackupRefused("cancelled")
            if "schema" in answer:
                loading = True
                newer = answer["schema"]["newer"] if manifest.migrations else []
                if past and manifest.migrations and answer["schema"]["unknown"]:
                    raise _of_another_code(backup, manifest, unknown=answer["schema"]["unknown"])
            elif "progress" in answer:
                context.report(Progress(done=answer["progress"]["done"], total=manifest.rows, unit="rows"))
            else:
                differences = answer["differences"]
    except (ShopError, DatabaseUnavailable) as error:
        if not loading or not _speaks_of_rows(error):
            raise
        raise _judged(backup, manifest, f"cannot be loaded: {error.message}", newer=newer) from None
    if differences is None:
        raise BackupRefused(f"{backup.name}: the shop ended its answer without a result")
    if differences:
        told = _first(differences)
        raise _judged(
            backup, manifest, f"restores to something else than it was made from: {told}", newer=newer
        )
    return " at the schema of its time" if past and newer else ""


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


def _of_another_code(backup: Path, manifest: Manifest, *, unknown: list[str]) -> BackupRefused:
    return BackupRefused(
        f"{backup.name} cannot be tried: it was made after {len(unknown)} migrations that the shop's code "
        f"does not have ({_first(unknown)})",
        hint=f"Put the shop's code of {manifest.created:%Y-%m-%d} in place to verify or restore it",
    )


def _first(names: list[str]) -> str:
    return "; ".join(names[:_SHOWN]) + ("; …" if len(names) > _SHOWN else "")
