"""What a role cannot read of a PostgreSQL database: pg_dump would end at the first of these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import psycopg
from psycopg import sql

from storekeeper.backups.table_names import table_name

_UNREADABLE: Final = """
    SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner), has_schema_privilege(n.oid, 'USAGE')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e')
      AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))
    ORDER BY 1, 2
"""
# Their connection is a secret, which a superuser's dump alone holds.
_SUBSCRIPTIONS: Final = """
    SELECT subname FROM pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    ORDER BY 1
"""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """``arguments`` let pg_dump pass it over; ``reasons`` says of each table or other object why."""

    arguments: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)

    def has(self, table: str) -> bool:
        """Return whether the table, by its name in a manifest, cannot be read."""
        return table in self.reasons


def find_unreadable(connection: "psycopg.Connection[tuple[object, ...]]") -> Unreadable:
    """Look what the role of the connection cannot read; raises psycopg.Error."""
    arguments: dict[str, None] = {}
    reasons = {}
    for schema, table, owner, enters in connection.execute(_UNREADABLE).fetchall():
        # Within quotation marks a pattern means itself.
        if enters:
            name = sql.Identifier(str(schema), str(table)).as_string(connection)
            arguments[f"--exclude-table={name}"] = None
        else:
            arguments[f"--exclude-schema={sql.Identifier(str(schema)).as_string(connection)}"] = None
        reasons[table_name(str(schema), str(table))] = f"it belongs to the role {owner} and cannot be read"
    for (subscription,) in connection.execute(_SUBSCRIPTIONS).fetchall():
        reasons[f"subscription {subscription}"] = "only a superuser can read it"
    return Unreadable(arguments=tuple(arguments), reasons=reasons)
