"""The types of single config values: sizes, ages, paths and the bounds they must keep."""

import datetime as dt
import os
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

from storekeeper.units import Age, parse_age, parse_size


class Model(BaseModel):
    """A part of the config: frozen, and a key that it does not know is an error."""

    # A docstring below a key is what it means, in the schema and in docs/config.md.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def _path(value: Any, info: ValidationInfo) -> Path:
    """Give an absolute path; a relative one counts from the shop's project folder."""
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("write a path")
    base = (info.context or {}).get("project", "")
    # Not resolved: a symbolic link is the user's to keep, and is resolved once where it is used.
    return Path(os.path.abspath(Path(base, home_of(value))))  # noqa: PTH100


def home_of(path: str | Path) -> str:
    """Give the path with ``~`` replaced; one of a user whom nobody knows stays as it is."""
    return os.path.expanduser(path)  # noqa: PTH111 - Path's own raises RuntimeError there


def _inside(value: Any) -> str:
    """Give a folder below an area, in the POSIX form; it can neither climb nor start at the root."""
    parts = PurePosixPath(str(value).replace("\\", "/")).parts if isinstance(value, str) else ()
    if not parts or parts[0] == "/" or ".." in parts:
        raise ValueError("write a path below the area, such as qr_codes")
    return "/".join(parts)


def _moment(value: Any) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value.astimezone()
    try:
        return dt.datetime.fromisoformat(str(value)).astimezone()
    except ValueError:
        raise ValueError("write a moment, such as 2026-03-01 04:00 or 2026-03-01T04:00Z") from None


def _age(value: Any) -> Age:
    return value if isinstance(value, Age) else parse_age(value)


Size = Annotated[
    int, BeforeValidator(parse_size), WithJsonSchema({"type": ["string", "integer"], "examples": ["100MB"]})
]
"""A number of bytes; accepts ``100MB``, ``1GiB``."""

AgeField = Annotated[
    Age, BeforeValidator(_age), WithJsonSchema({"type": "string", "examples": ["7d", "3 months"]})
]
"""A length of time; accepts ``7d``, ``1h``, ``3 months``."""

Moment = Annotated[dt.datetime, BeforeValidator(_moment)]
"""A moment with its time zone; one that is written without is of this machine's."""

ShopPath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string"})]
"""An absolute path; a relative one counts from ``project``."""


def _identity(value: Any, info: ValidationInfo) -> Path:
    return Path(value) if str(value) == "-" else _path(value, info)


BackupPlace = str | Path
"""A folder of backups: a URL, or a path of this machine; over HTTP no one may name it."""

IdentityFile = Annotated[Path, BeforeValidator(_identity), WithJsonSchema({"type": "string"})]
"""The path of a file with a secret key, ``-`` for standard input."""

PathInside = Annotated[str, BeforeValidator(_inside)]
"""A relative POSIX path that stays below its area."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,62}$")]
"""A name that becomes a label value: letters, digits, ``_`` and ``-``."""

HostName = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]{1,253}$")]
"""The name of a machine, as it becomes a label value."""

PlaceUrl = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*://.+$")]
"""The URL of a folder somewhere, as fsspec reads it; a path alone would be one of this machine's."""


def _recipient(value: str) -> str:
    # Loaded where it is used: most configs encrypt nothing.
    from storekeeper.encryption.recipients import check_recipient

    return check_recipient(value)


Recipient = Annotated[str, AfterValidator(_recipient)]
"""A public key that backups are encrypted to: ``age1…``, or one of SSH."""

ModelLabel = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*\.[A-Za-z_]\w*$")]
"""A Django model as ``app.Model``."""

FieldLabel = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*\.[A-Za-z_]\w*\.[A-Za-z_]\w*$")]
"""A field of a Django model as ``app.Model.field``."""
