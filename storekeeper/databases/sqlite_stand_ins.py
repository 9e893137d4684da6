"""
Ask an SQLite database that needs functions and collations which its own program alone brings.

Django's ``connection_created`` handlers register them, so a file of the shop's may need them here too. What
is asked must not depend on what they give: a number of rows, whether the pages are whole.
"""

import re
import sqlite3
from typing import Any, Final

_MOST: Final = 100
_FUNCTION: Final = re.compile(r"^(?:no such|unknown) function: (.+?)(?:\(\))?$")
_COLLATION: Final = re.compile(r"^no such collation sequence: (.+)$")


def lacks_something(error: sqlite3.Error) -> bool:
    """Return whether the statement failed for what is missing here, and not for a damaged or busy file."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.OperationalError) and code is not None and code & 0xFF == 1


def ask_with_stand_ins(connection: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    """
    Return the rows of a statement; a function that is missing gives NULL, a collation compares bytes.

    They stay with the connection, which must write nothing. Raises sqlite3.Error for all else.
    """
    for _ in range(_MOST):
        try:
            return connection.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            if not _stand_in(connection, str(error)):
                raise
    raise sqlite3.OperationalError("the database needs too many functions of its own")


def _stand_in(connection: sqlite3.Connection, words: str) -> bool:
    """Register what the error says is missing; False where it says something else."""
    if found := _FUNCTION.match(words):
        connection.create_function(found[1], -1, _nothing, deterministic=True)
    elif found := _COLLATION.match(words):
        connection.create_collation(found[1], _compare)
    else:
        return False
    return True


def _nothing(*_: object) -> None:
    return None


def _compare(one: str, other: str) -> int:
    return (one > other) - (one < other)
