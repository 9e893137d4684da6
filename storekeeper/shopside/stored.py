"""
A value as the database stores it, in a form that JSON carries and that SQL puts back.

``null`` is SQL's NULL, a number SQLite's integer. Else there is one key: ``text`` (PostgreSQL's own text of
any value, or SQLite's text), ``real``, ``blob`` or ``bytes`` (SQLite's, of which ``bytes`` is text that is no
UTF-8), the last two in base64.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

Form = Any
"""What JSON carries: None, an integer, or a dict with one key."""


class Undecodable:
    """A text of SQLite whose bytes are no UTF-8."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    def __str__(self) -> str:
        return self.value.decode("utf-8", "replace")


def shown(value: Any) -> str:
    """Return a value as it is told, one that is no text by its bytes."""
    if isinstance(value, Undecodable):
        value = value.value
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    return f"x'{bytes(value).hex()}'" if isinstance(value, (bytes, bytearray, memoryview)) else str(value)


def form_of(value: Any) -> Form:
    """Return the form of a value: of what SQLite's driver gives, or of PostgreSQL's text."""
    if value is None:
        return None
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, float):
        return {"real": repr(value)}
    if isinstance(value, Undecodable):
        return {"bytes": b64encode(value.value).decode("ascii")}
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return {"bytes": b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")}
        return {"text": value}
    return {"blob": b64encode(bytes(value)).decode("ascii")}


def parameter_of(form: Form, *, as_text: bool = False) -> tuple[str, Any]:
    """
    Return the SQL that stands for a value (with one ``%s``) and the parameter in it.

    A real number ``as_text`` is for PostgreSQL: of the driver's own -0.0 the server would make 0.
    """
    if not isinstance(form, dict):
        return "%s", form
    ((kind, text),) = form.items()
    if kind == "real":
        return "%s", text if as_text else float(text)
    if kind == "blob":
        return "%s", b64decode(text)
    if kind == "bytes":
        return "CAST(%s AS TEXT)", b64decode(text)
    return "%s", text
