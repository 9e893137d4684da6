"""Compare a restored database with a backup's raw sums: by SQL, without any code that wrote the backup."""

from collections.abc import Collection, Iterator
from pathlib import Path

from actions.backups.damage import Differs
from actions.backups.fixture_restore import Loaded
from actions.backups.raw_differences import find_differences, find_sequence_differences, find_sequences_behind
from actions.backups.raw_sums import RawSumsProcess, SumsUnavailable
from storekeeper.backups import Manifest, RawSums
from storekeeper.backups.table_names import is_of_migrate
from storekeeper.databases import DatabaseAddress

_SHOWN = 8


def compare_raw(
    backup: Path, manifest: Manifest, *, scratch: DatabaseAddress, live: DatabaseAddress, loaded: Loaded
) -> str:
    """
    Compare what was restored into ``scratch`` with the raw sums; return, in words, how it was compared.

    Raises Differs, naming tables, columns and keys. A row that is not in the restored database is looked
    for in the ``live`` one.
    """
    raw = manifest.raw
    if raw is None:
        when = " at the schema of its time" if loaded.newer else ""
        return f"{when}; every row compared, by the code that wrote it alone"
    tables = {label: table.stored_as for label, table in manifest.tables.items()}
    found, differences = _compared(raw, tables=tables, scratch=scratch, live=live)
    _require_none(backup, [*differences, *_sequences(raw, found, loaded=loaded)])
    when = " with its own schema" if loaded.own_schema else " at the schema of its time" * loaded.newer
    return f"{when}; every value{_of(manifest)} compared by SQL"


def compare_restored(manifest: Manifest, *, address: DatabaseAddress, missing: Collection[str]) -> str:
    """
    Return, in words, whether the database at ``address`` now holds what the backup of it held.

    ``""`` where nobody can tell: the backup has no raw sums, or it is of a database of another kind.
    ``missing`` are sequences that are known not to be there.
    """
    raw = manifest.raw
    if raw is None or manifest.engine != address.engine.value:
        return ""
    tables = {label: table.stored_as for label, table in manifest.tables.items()}
    try:
        found, differences = _compared(raw, tables=tables, scratch=address, live=address)
    except SumsUnavailable:
        return ""
    here = {
        name: sequence
        for name, sequence in raw.sequences.items()
        if name not in missing and not is_of_migrate(sequence.owner)
    }
    differences += find_sequence_differences(here, found.sequences)
    if not differences:
        return f"compared by SQL: every value{_of(manifest)} is as it was"
    told = "; ".join(differences[:_SHOWN]) + ("; …" if len(differences) > _SHOWN else "")
    return f"compared by SQL, this is not as it was, or was written since: {told}"


def compare_native(
    backup: Path, manifest: Manifest, *, raw: RawSums, scratch: DatabaseAddress, live: DatabaseAddress
) -> None:
    """Compare a restored dump of PostgreSQL with the sums ``raw``; raises Differs."""
    tables = {table: table for table in raw.tables if table in manifest.tables}
    found, differences = _compared(raw, tables=tables, scratch=scratch, live=live)
    # pg_dump reads a sequence as it is by then, and not in the moment of the rows.
    _require_none(backup, [*differences, *find_sequences_behind(raw.sequences, found.sequences)])


def _compared(
    raw: RawSums, *, tables: dict[str, str], scratch: DatabaseAddress, live: DatabaseAddress
) -> tuple[RawSums, list[str]]:
    """Return the sums of the restored database and, in words, where they differ."""
    with RawSumsProcess(scratch) as process:
        process.enter()
        process.begin()
        found = process.sums()

        def keys(table: str, numbers: Collection[int]) -> dict[int, str]:
            known = process.keys(table, numbers=numbers)
            lost = set(numbers) - known.keys()
            return {**known, **_live_keys(live, table, numbers=lost)} if lost else known

        return found, list(find_differences(raw, found, tables=tables, keys=keys))


def _of(manifest: Manifest) -> str:
    columns = any(name.startswith("column ") for name in manifest.left_out)
    return " that it holds" if columns else ""


def _require_none(backup: Path, differences: list[str]) -> None:
    if differences:
        told = "; ".join(differences[:_SHOWN]) + ("; …" if len(differences) > _SHOWN else "")
        raise Differs(f"{backup.name} restores to something else than it was made from: {told}")


def _sequences(raw: RawSums, found: RawSums, *, loaded: Loaded) -> Iterator[str]:
    """Yield which sequences differ; what migrations would not make is not there without the own schema."""
    yield from find_sequence_differences(
        {
            name: sequence
            for name, sequence in raw.sequences.items()
            if not is_of_migrate(sequence.owner)
            and (loaded.own_schema or name not in loaded.missing_sequences)
        },
        found.sequences,
    )


def _live_keys(live: DatabaseAddress, table: str, *, numbers: Collection[int]) -> dict[int, str]:
    """Return the keys that the live database has for these numbers; none where it cannot be asked."""
    try:
        with RawSumsProcess(live) as process:
            process.enter()
            return process.keys(table, numbers=numbers)
    except SumsUnavailable:
        return {}
