"""What a PostgreSQL database has beside tables and rows, and no line of a fixture brings back."""

from typing import TYPE_CHECKING, Any, Final

from actions.backups.raw.kinds import counted

if TYPE_CHECKING:
    import psycopg

_TABLE: Final = "(SELECT c.relnamespace FROM pg_class c WHERE c.oid = {})"
# Of each kind: its name, the catalog, the expression of a name, the schema (or NULL) and a condition.
_KINDS: Final = (
    ("view", "pg_class", "x.relname", "x.relnamespace", "x.relkind = 'v'"),
    ("materialised view", "pg_class", "x.relname", "x.relnamespace", "x.relkind = 'm'"),
    ("foreign table", "pg_class", "x.relname", "x.relnamespace", "x.relkind = 'f'"),
    ("function", "pg_proc", "x.proname", "x.pronamespace", "true"),
    ("trigger", "pg_trigger", "x.tgname", _TABLE.format("x.tgrelid"), "NOT x.tgisinternal"),
    ("rule", "pg_rewrite", "x.rulename", _TABLE.format("x.ev_class"), "x.rulename <> '_RETURN'"),
    ("policy", "pg_policy", "x.polname", _TABLE.format("x.polrelid"), "true"),
    ("enum type", "pg_type", "x.typname", "x.typnamespace", "x.typtype = 'e'"),
    ("domain", "pg_type", "x.typname", "x.typnamespace", "x.typtype = 'd'"),
    ("range type", "pg_type", "x.typname", "x.typnamespace", "x.typtype = 'r'"),
    (
        "composite type",
        "pg_type",
        "x.typname",
        "x.typnamespace",
        "x.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = x.typrelid AND c.relkind = 'c')",
    ),
    ("text search configuration", "pg_ts_config", "x.cfgname", "x.cfgnamespace", "true"),
    ("text search dictionary", "pg_ts_dict", "x.dictname", "x.dictnamespace", "true"),
    ("collation", "pg_collation", "x.collname", "x.collnamespace", "true"),
    ("extended statistic", "pg_statistic_ext", "x.stxname", "x.stxnamespace", "true"),
    ("publication", "pg_publication", "x.pubname", "NULL", "true"),
    ("event trigger", "pg_event_trigger", "x.evtname", "NULL", "true"),
)
# Of the sequence that a serial or identity column gets, each is as the server chooses it.
_SEQUENCES: Final = """
    SELECT 'sequence with settings of its own', c.relname, 99
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
      AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                                            AND d.deptype IN ('a', 'i'))
      AND (s.seqincrement <> 1 OR s.seqcycle OR s.seqmin <> 1 OR s.seqcache <> 1
           OR s.seqmax NOT IN (32767, 2147483647, 9223372036854775807))
"""


def named_objects(connection: "psycopg.Connection[tuple[Any, ...]]") -> dict[str, int]:
    """
    Return how many there are of each kind, with the first names; none of extensions, nor of the server.

    The search path is ``pg_catalog`` alone.
    """
    parts = [
        f"SELECT '{kind}', {name}::text, {place} FROM {catalog} x"
        f" LEFT JOIN pg_namespace n ON n.oid = {schema} WHERE {condition}"
        " AND coalesce(n.nspname, '') NOT LIKE 'pg\\_%' AND coalesce(n.nspname, '') <> 'information_schema'"
        f" AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{catalog}'::regclass"
        " AND d.objid = x.oid AND d.deptype = 'e')"
        for place, (kind, catalog, name, schema, condition) in enumerate(_KINDS)
    ]
    # No parameters, and so no doubled percent signs.
    query = " UNION ALL ".join([*parts, _SEQUENCES]) + " ORDER BY 3, 2"
    return counted((kind, name) for kind, name, _ in connection.execute(query).fetchall())
