"""What a recovery must reach, and how a drill asks whether the shop is there again."""

from typing import Annotated

from pydantic import Field

from storekeeper.config.fields import AgeField, Model, Name, ShopPath
from storekeeper.units import Age


class RecoveryCheck(Model):
    """A question to a restored database with the answer that it must give, such as a canary row."""

    name: Name
    """What it is called in the record."""
    database: Name = "default"
    """The database of the config that is asked."""
    sql: str
    """One query, which may only read; the first column of its first row is the answer."""
    expect: str | int | float | bool | None
    """The answer; ``null`` where the query must have none. A number is compared as a number."""


class Recovery(Model):
    """What a recovery must reach, and what a drill checks on the restored shop."""

    rto: AgeField = Age(seconds=3600)
    """The longest that a recovery may take."""
    rpo: AgeField = Age(seconds=26 * 3600)
    """How old the restored rows may be at the most."""
    identity_file: ShopPath | None = None
    """
    The identity with which a scheduled drill decrypts copies. Whoever reads it reads them: without it, only
    ``drill --identity FILE`` rehearses with encrypted copies.
    """
    scratch: ShopPath | None = None
    """Where a drill puts the files that it restores; without it, in the state folder."""
    page: Annotated[str, Field(pattern=r"^/\S*$")] | None = "/"
    """A page of the shop that must answer on the restored data; ``null`` asks for none."""
    status: int = Field(default=200, ge=100, le=599)
    """The status with which it must answer, after redirects."""
    checks: tuple[RecoveryCheck, ...] = ()
    """Questions to the restored databases."""
