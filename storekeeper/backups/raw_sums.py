"""
The raw sums of a database: what SQL says about each value at the moment of a backup.

The code that writes a backup has no part in them, so a mistake of the writer does not hide in them.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

SQLITE_METHOD: Final = "sqlite-crc32-1"
POSTGRESQL_METHOD: Final = "postgresql-hashtext-1"

USER_MAPPINGS: Final = "user mappings of foreign servers"
"""One of ``others``: their passwords would stand in what makes the schema."""


class RawTable(BaseModel):
    """
    What SQL says about one table: its rows, and a pair of sums for each column.

    A pair is the sum of hashes, and the sum of each hash times its row's number. The number is a hash of the
    primary key, so a pair ties each value to its row and does not depend on the order of the rows. ``key``
    are the columns of the primary key; without one the whole row is the key. ``cells`` divides the rows by
    their numbers: ``CELL:ROWS:PAIR``, with the pair of the hashes of whole rows. It names rows that differ.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    key: tuple[str, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)
    cells: str = ""


class RawSequence(BaseModel):
    """
    Where a sequence stands. ``owner`` is the table whose keys it gives, ``""`` where it has none.

    ``highest`` is the highest key that is in that table; None for an empty one.
    """

    model_config = ConfigDict(frozen=True)

    value: int
    is_called: bool = True
    owner: str = ""
    step: int = 1
    highest: int | None = None

    @property
    def is_ahead(self) -> bool:
        """Return whether it has given keys that no row has any more: to give them again would be wrong."""
        last = self.value if self.is_called else self.value - self.step
        return bool(self.owner) and self.step > 0 and last > (self.highest or 0)


class RawSums(BaseModel):
    """
    The raw sums of one database at one moment.

    Tables and sequences of PostgreSQL outside of ``public`` are named ``schema.name``. ``unread`` are tables
    whose rows could not be read → why. ``others`` are further things that lie in the database → how many.
    ``partitions`` are tables whose rows are those of another one, too.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    method: str
    tables: dict[str, RawTable] = Field(default_factory=dict)
    sequences: dict[str, RawSequence] = Field(default_factory=dict)
    unread: dict[str, str] = Field(default_factory=dict)
    others: dict[str, int] = Field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    ddl: str = ""
    """
    What makes the schema as it was, in base64: of PostgreSQL a dump of the schema alone in pg_dump's own
    format, of SQLite the statements as JSON, packed with zlib; ``""`` where it could not be had.
    """
