"""Put the operator's questions to a restored database and compare the answers."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from actions.recovery.checks import Check, Verdict
from storekeeper.config.recovery import RecoveryCheck
from storekeeper.databases import DatabaseAddress, Engine, connect_postgresql, connect_sqlite
from storekeeper.errors import StorekeeperError

_SECONDS: Final = 300
NAME: Final = "recovery.checks."


def ask(check: RecoveryCheck, *, databases: Mapping[str, DatabaseAddress]) -> Check:
    """Put one question to the database of that name; one that cannot be put is inconclusive."""
    name = f"{NAME}{check.name}"
    address = databases.get(check.database)
    if address is None:
        return Check(
            name=name,
            verdict=Verdict.INCONCLUSIVE,
            told=f"the database {check.database} was not restored, so it could not be asked",
        )
    try:
        answer = _answer(address, check.sql)
    except (StorekeeperError, ValueError) as error:
        told = error.message if isinstance(error, StorekeeperError) else str(error)
        return Check(name=name, verdict=Verdict.INCONCLUSIVE, told=f"it could not be asked: {told}")
    if same(answer, check.expect):
        return Check(name=name, verdict=Verdict.VERIFIED, told=f"the answer is {answer!r}, as expected")
    return Check(name=name, verdict=Verdict.FAILED, told=f"the answer is {answer!r}, not {check.expect!r}")


def same(answer: Any, expected: Any) -> bool:
    """Return whether an answer is the expected one; numbers by their value, texts by their letters."""
    if answer is None or expected is None:
        return answer is None and expected is None
    if isinstance(expected, bool) or isinstance(answer, bool):
        return str(answer).lower() in (str(expected).lower(), str(int(bool(expected))))
    try:
        return Decimal(str(answer)) == Decimal(str(expected))
    except InvalidOperation:
        return str(answer) == str(expected)


def _answer(address: DatabaseAddress, query: str) -> Any:
    """Return the first column of the first row, None where there is none; nothing can be written."""
    if address.engine is Engine.SQLITE:
        with connect_sqlite(address, timeout_seconds=_SECONDS) as file:
            row = file.execute(query).fetchone()
    else:
        with connect_postgresql(address, timeout_seconds=_SECONDS) as connection, connection.transaction():
            row = connection.execute(query.encode()).fetchone()
    if row is None:
        return None
    value = row[0]
    if isinstance(value, (bytes, memoryview)):
        raise ValueError("the answer is made of bytes; ask for a text or a number")
    return value
