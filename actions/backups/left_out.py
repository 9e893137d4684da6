"""What lies in a database and not in its JSON backup: asked of the database, not of the models."""

import re
from collections.abc import Iterator, Mapping

from storekeeper.backups import RawSums, TableSum
from storekeeper.backups.raw_sums import USER_MAPPINGS
from storekeeper.backups.table_names import PUBLIC, is_of_migrate, table_of

_WORD = re.compile(r"[^\s:;,]+")


def left_out_of(
    raw: RawSums | None, *, tables: Mapping[str, TableSum], by_shop: Mapping[str, str]
) -> dict[str, str]:
    """
    Return each table, sequence and other thing that the backup does not hold → why.

    ``by_shop`` is what the shop's Django says of it, with the names of its models; it sees the tables of the
    search path alone.
    """
    found = dict(by_shop)
    if raw is None:
        return found
    named = {word for name, why in by_shop.items() for word in (name, *_WORD.findall(why))}
    written = {table.stored_as for table in tables.values()} | set(raw.partitions)
    for name in (*raw.tables, *raw.unread):
        if name not in written and name not in named and not is_of_migrate(name):
            found[_full(name, written=written)] = (
                "no model of the shop reads this table; the native format holds it"
            )
    for name, sequence in raw.sequences.items():
        if not sequence.owner:
            found[f"sequence {name}"] = (
                f"no table has it; it stands at {sequence.value}, where restore_backup sets one that is there"
                " already; the native format holds it"
            )
    for name, count in raw.others.items():
        held = "a superuser's dump" if name == USER_MAPPINGS else "the native format"
        found[f"{count} {name}"] = f"{held} holds them"
    return found


def _full(name: str, *, written: set[str]) -> str:
    """Return the name with its schema, too, where a table of that name in another schema is in the backup."""
    schema, plain = table_of(name)
    twin = any(table_of(one)[1] == plain for one in written if one)
    return f"{schema}.{name}" if schema == PUBLIC and twin else name


def sequence_losses(raw: RawSums | None) -> Iterator[tuple[str, str]]:
    """Yield each table whose highest keys loaddata would give once more, and from which one on."""
    for name, sequence in raw.sequences.items() if raw is not None else ():
        if sequence.is_ahead and not is_of_migrate(sequence.owner):
            first = (sequence.highest or 0) + sequence.step
            what = f" (sequence {name})" if name != sequence.owner else ""
            yield f"{sequence.owner}{what}", f"the keys from {first} to {sequence.value} were given already"
