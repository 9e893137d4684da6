"""Where two raw sums differ: in which table, column and row."""

from collections.abc import Callable, Collection, Iterator, Mapping

from actions.backups.raw.hashes import CELLS, LARGEST
from storekeeper.backups import RawSequence, RawSums, RawTable

Keys = Callable[[str, Collection[int]], Mapping[int, str]]
"""Finds the keys of rows, as a person writes them, by table and number."""

_SHOWN_KEYS = 5


def find_differences(
    expected: RawSums, found: RawSums, *, tables: Mapping[str, str], keys: Keys
) -> Iterator[str]:
    """
    Yield, in words, what in ``found`` is not as ``expected``; nothing where all is equal.

    ``tables`` has the tables that are compared, by the names that a person knows them by.
    """
    for label, table in tables.items():
        before, after = expected.tables.get(table), found.tables.get(table)
        if before is None:
            why = expected.unread.get(table, "SQL did not find it")
            yield f"{label}: its table {table} was not read when the backup was made: {why}"
        elif after is None:
            yield f"{label}: its table {table} cannot be read: {found.unread.get(table, 'it is not there')}"
        elif before != after:
            yield from _in_table(label, table, before=before, after=after, keys=keys)


def _in_table(label: str, table: str, *, before: RawTable, after: RawTable, keys: Keys) -> Iterator[str]:
    missing = [name for name in before.columns if name not in after.columns]
    if missing:
        yield f"{label}: no column {', '.join(missing)} in {table}"
    columns = [name for name, pair in before.columns.items() if after.columns.get(name, pair) != pair]
    if before.rows == after.rows and not columns:
        return
    numbers, every = _rows_that_differ(before, after)
    known = keys(table, numbers) if numbers else {}
    shown = ", ".join(sorted(known.values())[:_SHOWN_KEYS])
    of_rows = f" of {', '.join(before.key)} {shown}" if shown else ""
    more = " and others" if not every or len(known) > _SHOWN_KEYS else ""
    if before.rows != after.rows:
        yield f"{label}: {after.rows} rows, not {before.rows}" + (
            f" (look at{of_rows[3:]}{more})" if shown else ""
        )
    else:
        yield (
            f"{label}: {after.rows} rows, but not all of them are equal: {', '.join(columns)}{of_rows}"
            + (more if shown else "")
        )


def _rows_that_differ(before: RawTable, after: RawTable) -> tuple[set[int], bool]:
    """
    Return the numbers of rows that differ, and whether these are all.

    In a cell where one row differs, the change of the second sum is that of the first times its number.
    """
    old, new = _cells(before), _cells(after)
    numbers, every = set(), True
    for cell in old.keys() | new.keys():
        _, old_sum, old_product = old.get(cell, (0, 0, 0))
        _, new_sum, new_product = new.get(cell, (0, 0, 0))
        first, second = new_sum - old_sum, new_product - old_product
        if not first and not second:
            continue
        number, rest = divmod(second, first) if first else (0, 1)
        if rest or not 0 < number <= LARGEST + 1 or (number >> 1) % CELLS != cell:
            every = False
        else:
            numbers.add(number)
    return numbers, every


def _cells(table: RawTable) -> dict[int, tuple[int, int, int]]:
    cells = {}
    for text in table.cells.split():
        cell, rows, total, product = map(int, text.split(":"))
        cells[cell] = (rows, total, product)
    return cells


def find_sequence_differences(
    expected: Mapping[str, RawSequence], found: Mapping[str, RawSequence]
) -> Iterator[str]:
    """Yield which sequences stand elsewhere."""
    for name, before in expected.items():
        after = found.get(name)
        if after is None:
            yield f"the sequence {name} is not there"
        elif (after.value, after.is_called) != (before.value, before.is_called):
            yield f"the sequence {name} stands at {after.value}, not at {before.value}"


def find_sequences_behind(
    expected: Mapping[str, RawSequence], found: Mapping[str, RawSequence]
) -> Iterator[str]:
    """Yield which sequences would give a number that was given before, or are not there."""
    for name, before in expected.items():
        after = found.get(name)
        if after is None:
            yield f"the sequence {name} is not there"
        elif (after.value - before.value) * before.step < 0:
            yield f"the sequence {name} stands at {after.value}, behind {before.value}"
