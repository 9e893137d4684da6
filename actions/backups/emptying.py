"""
Empty a PostgreSQL database of what pg_dump would dump of it, and of nothing else.

What is there is not looked up by kinds that someone thought of: pg_dump lists it, with the place of each
object in the catalogues, and the server itself spells the name of what is dropped.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from actions.backups.dependencies import Address

# The server calls these another name than DROP does.
_WORDS: Final[Mapping[str, str]] = {
    "function": "routine",
    "procedure": "routine",
    "aggregate": "routine",
    "composite type": "type",
    "statistics object": "statistics",
    "foreign-data wrapper": "foreign data wrapper",
}

# Privileges for what is made later would reach what the restore makes.
_DEFAULT_PRIVILEGES: Final = """
  FOR one IN
    SELECT d.defaclrole AS role, n.nspname, d.defaclobjtype AS kind, a.grantee,
      pg_catalog.pg_get_userbyid(d.defaclrole) AS owner
    FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
      CROSS JOIN LATERAL (
        SELECT DISTINCT grantee FROM pg_catalog.aclexplode(d.defaclacl)
        UNION SELECT DISTINCT grantee FROM pg_catalog.aclexplode(
          CASE WHEN d.defaclnamespace = 0 THEN pg_catalog.acldefault(
            CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) END)) a
    WHERE pg_catalog.pg_has_role(d.defaclrole, 'USAGE')
  LOOP
    word := CASE one.kind WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
      WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END;
    whom := CASE one.grantee WHEN 0 THEN 'PUBLIC'
      ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(one.grantee)) END;
    place := CASE WHEN one.nspname IS NULL THEN '' ELSE pg_catalog.format('IN SCHEMA %I ', one.nspname) END;
    EXECUTE pg_catalog.format(
      'ALTER DEFAULT PRIVILEGES FOR ROLE %I %sREVOKE ALL ON %s FROM %s', one.owner, place, word, whom);
    IF one.nspname IS NULL THEN
      FOR again IN
        SELECT privilege_type AS privilege FROM pg_catalog.aclexplode(pg_catalog.acldefault(
          CASE one.kind WHEN 'S' THEN 's' ELSE one.kind END, one.role)) a WHERE a.grantee = one.grantee
      LOOP
        EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT %s ON %s TO %s',
          one.owner, again.privilege, word, whom);
      END LOOP;
    END IF;
  END LOOP;
"""


def emptying(dropped: Iterable[Address], *, going: Iterable[Address], staying: Iterable[Address]) -> str:
    """
    Return the SQL that drops the objects in this order.

    It fails, naming the object, where one of ``going`` is there afterwards or one of ``staying`` is not.
    """
    words = " ".join(f"WHEN '{name}' THEN '{word}'" for name, word in _WORDS.items())
    return f"""
DO $storekeeper$
DECLARE one record; what record; again record; word text; whom text; place text; told text[];
BEGIN
  SELECT pg_catalog.array_agg(i.identity) INTO told FROM {_rows(staying)} AS t(class, id)
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(t.class, t.id, 0) i WHERE i.identity IS NOT NULL;
  FOR one IN SELECT t.class, t.id FROM {_rows(dropped)} AS t(class, id) LOOP
    SELECT * INTO what FROM pg_catalog.pg_identify_object(one.class, one.id, 0);
    CONTINUE WHEN what.identity IS NULL;
    IF what.type = 'large object' THEN
      PERFORM pg_catalog.lo_unlink(one.id);
    ELSIF what.type NOT IN ('default acl', 'user mapping') THEN
      EXECUTE pg_catalog.format('DROP %s %s CASCADE',
        CASE what.type {words} ELSE what.type END, what.identity);
    END IF;
  END LOOP;
{_DEFAULT_PRIVILEGES}
  FOR one IN
    SELECT pg_catalog.pg_describe_object(t.class, t.id, 0) AS name FROM {_rows(going)} AS t(class, id)
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(t.class, t.id, 0) i WHERE i.identity IS NOT NULL
  LOOP
    RAISE EXCEPTION USING MESSAGE = one.name || ' cannot be removed';
  END LOOP;
  SELECT pg_catalog.array_agg(name) INTO told FROM unnest(told) AS name
    WHERE name NOT IN (SELECT i.identity FROM {_rows(staying)} AS t(class, id)
      CROSS JOIN LATERAL pg_catalog.pg_identify_object(t.class, t.id, 0) i WHERE i.identity IS NOT NULL);
  IF told IS NOT NULL THEN
    RAISE EXCEPTION USING MESSAGE = 'these would go too: ' || pg_catalog.array_to_string(told, ', ');
  END IF;
END
$storekeeper$;
"""


def _rows(addresses: Iterable[Address]) -> str:
    found = list(addresses)
    classes = ",".join(str(one) for one, _ in found)
    objects = ",".join(str(one) for _, one in found)
    return f"unnest('{{{classes}}}'::oid[], '{{{objects}}}'::oid[])"
