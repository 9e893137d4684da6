"""
Which database an address leads to, asked of the database itself: two names may mean the same one.

What a URL says proves nothing: a host has several names, a pooler stands between, a link leads to a file. A
PostgreSQL server knows the identifier of its cluster, which its standbys share; but a copy of a cluster that
was started on its own has that identifier too, and other rows by now. So two addresses are the same database
when one running server answers both, or when one of the two answers as a standby of the other's cluster.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from storekeeper.databases.address import DatabaseAddress, Engine
from storekeeper.errors import DatabaseUnavailable

if TYPE_CHECKING:
    import psycopg

# The start of the server stands for the running server; it is the same for all who ask it.
POSTGRESQL_IDENTITY: Final = """
    SELECT oid::bigint, datname, pg_postmaster_start_time(), pg_is_in_recovery(), current_schemas(false)
      FROM pg_database
     WHERE datname = current_database()
"""
# Some hosters keep this to themselves.
POSTGRESQL_CLUSTER: Final = "SELECT system_identifier FROM pg_control_system()"


@dataclass(frozen=True, kw_only=True)
class DatabaseIdentity:
    """
    One database. ``schemas`` are those that a session finds tables in without naming a schema.

    ``cluster`` is None where the server does not tell it, ``server`` for a file.
    """

    database: Hashable
    cluster: int | None = None
    server: Hashable = None
    standby: bool = False
    schemas: tuple[str, ...] = ()

    def is_same(self, other: "DatabaseIdentity") -> bool:
        """Return whether both are one database, or a standby and the database that it follows."""
        if self.database != other.database:
            return False
        if self.server == other.server:
            return True
        return self.cluster is not None and self.cluster == other.cluster and self.standby != other.standby


def identity_of(address: DatabaseAddress, *, timeout_seconds: float = 5.0) -> DatabaseIdentity:
    """Return the identity of the database at ``address``; raises DatabaseUnavailable."""
    if address.engine is Engine.SQLITE:
        return _identity_of_file(address)
    # Loaded here: where every database is SQLite no one waits for the driver.
    from storekeeper.databases.postgresql import connect_postgresql

    with connect_postgresql(address, timeout_seconds=timeout_seconds) as connection:
        return _identity_of_session(connection)


def _identity_of_file(address: DatabaseAddress) -> DatabaseIdentity:
    assert address.path is not None, "an SQLite address has a path"
    try:
        status = address.path.stat()
    except OSError as error:
        raise DatabaseUnavailable(f"database {address.name} ({address.path}): {error.strerror}") from None
    return DatabaseIdentity(database=(status.st_dev, status.st_ino))


def _identity_of_session(connection: "psycopg.Connection[tuple[Any, ...]]") -> DatabaseIdentity:
    import psycopg

    row = connection.execute(POSTGRESQL_IDENTITY).fetchone()
    assert row is not None, "a session is in a database"
    oid, name, started, standby, schemas = row
    try:
        found = connection.execute(POSTGRESQL_CLUSTER).fetchone()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction):
        found = None
    return DatabaseIdentity(
        database=(oid, name),
        cluster=found[0] if found else None,
        server=started,
        standby=standby,
        schemas=tuple(schemas),
    )
