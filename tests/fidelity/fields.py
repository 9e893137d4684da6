"""Fields of every kind, each with the values that a database may hold in its column."""

import datetime as dt
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

TEXTS = (
    "",
    " ",
    "pen",
    "Ünï ខ្មែរ 😀",
    'a "b" \\ c',
    "two\nlines\r\t",
    "nul \0 x",
    "\x1e\x1f",
    "null",
    "NaN",
    "%s",
    "}",
)
# What SQLite lets stand in any column.
ANYTHING: tuple[Any, ...] = (
    "", "text", "01.05.2024 10:00", "2024-05-01", "2024-05-01T10:00:00Z", "2024-05-01 10:00", "24:00",
    "10:00", "12.50", "1e3", "-0", "99999999999999999999", "null", '{"a":1}', '"\\ud83d"', "{", "2024-13-45",
    "0000-00-00", 0, 1, -1, 7, 2**53 + 1, 2**63 - 1, -(2**63), 1.5, -0.0, 1e300, float("inf"),
    12345678901234567.89, 0.1 + 0.2,
    b"", b"\xff\xfe", b"text", b"\x00", "half \ud83d".encode("utf-8", "surrogatepass"),
)  # fmt: skip


class Secret(models.TextField):
    """Stored otherwise than it is read, and otherwise each time."""

    _times = 0

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Return what is behind the first colon."""
        return value if value is None else str(value).partition(":")[2]

    def get_prep_value(self, value: Any) -> Any:
        """Return the value behind a number that is never the same."""
        Secret._times += 1
        return value if value is None else f"{Secret._times}:{value}"


class Listed(models.CharField):
    """A list in one text."""

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Return a list."""
        return value if value is None else str(value).split(",")

    def to_python(self, value: Any) -> Any:
        """Return a list."""
        return value if value is None or isinstance(value, list) else str(value).split(",")

    def get_prep_value(self, value: Any) -> Any:
        """Return one text."""
        return value if value is None else ",".join(value)

    def value_to_string(self, obj: Any) -> str:
        """Return one text."""
        return str(self.get_prep_value(self.value_from_object(obj)))


class Numbers(json.JSONDecoder):
    """Reads numbers as decimals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "parse_float": Decimal})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A field, and a value as SQL stores it: for PostgreSQL a text, for SQLite what its driver takes."""

    field: Callable[[Random, dict[str, Any]], models.Field]
    sqlite: Callable[[Random], Any]
    postgresql: Callable[[Random], str] | None = None


def _text(rng: Random) -> str:
    return rng.choice(TEXTS).replace("\0", "") + rng.choice(TEXTS[:4])


def _json(rng: Random) -> str:
    return rng.choice(
        ("{}", "[]", "null", '"null"', "1", "1.10", "1e400", '{"a": null, "b": [1, 2.50]}', "true",
         '""', "[null]", '{"name": "Ann \\u00e4"}', "12345678901234567890123", '{"b": 1, "a": 1}', "-0.0",
         '"x\\ny"')
    )  # fmt: skip


def _moment(rng: Random) -> str:
    moment = dt.datetime(2024, 1, 1) + dt.timedelta(seconds=rng.randrange(-(10**10), 10**9))
    return str(moment.replace(microsecond=rng.choice((0, 0, 1, 120000, 999999))))


KINDS: dict[str, Kind] = {
    "char": Kind(field=lambda _, o: models.CharField(max_length=200, **o), sqlite=_text, postgresql=_text),
    "text": Kind(field=lambda _, o: models.TextField(**o), sqlite=_text, postgresql=_text),
    "email": Kind(field=lambda _, o: models.EmailField(**o), sqlite=_text, postgresql=_text),
    "integer": Kind(
        field=lambda r, o: r.choice((models.IntegerField, models.PositiveIntegerField))(**o),
        sqlite=lambda r: r.randrange(10**6),
        postgresql=lambda r: str(r.randrange(10**6)),
    ),
    "big": Kind(
        field=lambda _, o: models.BigIntegerField(**o),
        sqlite=lambda r: r.choice((2**63 - 1, -(2**63), 0)),
        postgresql=lambda r: str(r.choice((2**63 - 1, -(2**63), 0))),
    ),
    "boolean": Kind(
        field=lambda _, o: models.BooleanField(**o),
        sqlite=lambda r: r.randrange(2),
        postgresql=lambda r: r.choice("tf"),
    ),
    "float": Kind(
        field=lambda _, o: models.FloatField(**o),
        sqlite=lambda r: r.choice((0.1, 1e300, -0.0, 5e-324, float("inf"), r.random())),
        postgresql=lambda r: r.choice(("0.1", "NaN", "-Infinity", "5e-324", repr(r.random()))),
    ),
    "decimal": Kind(
        field=lambda r, o: models.DecimalField(
            max_digits=r.choice((8, 20)), decimal_places=r.choice((0, 2, 7)), **o
        ),
        sqlite=lambda r: r.choice((0, 12, 12.5, 0.1, 2.675, 12345678901234567.89, 0.0000001, 99999.99)),
        postgresql=lambda r: r.choice(("0", "0.1", "NaN", "-0.5", "7.25")),
    ),
    "date": Kind(
        field=lambda _, o: models.DateField(**o),
        sqlite=lambda r: _moment(r)[:10],
        postgresql=lambda r: r.choice(
            ("infinity", "-infinity", "0044-03-15 BC", "10000-01-01", _moment(r)[:10])
        ),
    ),
    "datetime": Kind(
        field=lambda r, o: models.DateTimeField(auto_now=r.random() < 0.3, **o),
        sqlite=_moment,
        postgresql=lambda r: r.choice(
            (
                "infinity",
                "0044-03-15 10:00 BC",
                "10000-01-01 10:00",
                "2024-10-27 02:30+02",
                "2024-10-27 02:30+01",
                *(_moment(r) for _ in range(6)),
            )
        ),
    ),
    "time": Kind(
        field=lambda _, o: models.TimeField(**o),
        sqlite=lambda r: _moment(r)[11:],
        postgresql=lambda r: r.choice(("24:00", "00:00", _moment(r)[11:])),
    ),
    "duration": Kind(
        field=lambda _, o: models.DurationField(**o),
        sqlite=lambda r: r.choice((0, 1, -1, 10**14, -(10**14), 2**62, r.randrange(10**12))),
        postgresql=lambda r: r.choice(
            (
                "0",
                "1 day",
                "-1 day",
                "-23:00",
                "25:00",
                "1 mon",
                "2 years -3 days 04:05:06.789",
                "178000000 years",
                "3 days 00:00:00.000001",
                "-1 days +02:03:00",
            )
        ),
    ),
    "uuid": Kind(
        field=lambda _, o: models.UUIDField(**o),
        sqlite=lambda r: r.choice(
            (uuid.UUID(int=r.getrandbits(128)).hex, str(uuid.UUID(int=r.getrandbits(128))))
        ),
        postgresql=lambda r: str(uuid.UUID(int=r.getrandbits(128))),
    ),
    "binary": Kind(
        field=lambda _, o: models.BinaryField(**o),
        sqlite=lambda r: r.randbytes(r.randrange(9)),
        postgresql=lambda r: "\\x" + r.randbytes(r.randrange(9)).hex(),
    ),
    "json": Kind(
        field=lambda r, o: models.JSONField(
            decoder=r.choice((None, Numbers)), encoder=r.choice((None, DjangoJSONEncoder)), **o
        ),
        sqlite=_json,
        postgresql=_json,
    ),
    "file": Kind(
        field=lambda r, o: r.choice((models.FileField, models.ImageField))(upload_to="x", **o),
        sqlite=lambda r: r.choice(("", "a.jpg", "x/ü.png")),
        postgresql=lambda r: r.choice(("", "a.jpg", "x/ü.png")),
    ),
    "address": Kind(
        field=lambda _, o: models.GenericIPAddressField(**o),
        sqlite=lambda r: r.choice(
            ("1.2.3.4", "2001:db8::1", "2001:DB8:0::1", "::ffff:1.2.3.4", "1.2.3.4/24")
        ),
        postgresql=lambda r: r.choice(
            ("1.2.3.4", "2001:db8::1", "::ffff:1.2.3.4", "10.0.0.0/8", "2001:db8::/32")
        ),
    ),
    "kept": Kind(
        field=lambda _, o: models.CharField(max_length=99, serialize=False, **o),
        sqlite=_text,
        postgresql=_text,
    ),
    "secret": Kind(field=lambda _, o: Secret(**o), sqlite=_text, postgresql=_text),
    "listed": Kind(field=lambda _, o: Listed(max_length=200, **o), sqlite=_text, postgresql=_text),
    "type": Kind(
        field=lambda _, o: models.ForeignKey(ContentType, models.DO_NOTHING, related_name="+", **o),
        sqlite=lambda r: 1 + r.randrange(4),
        postgresql=lambda r: str(1 + r.randrange(4)),
    ),
}
"""Every kind on both databases."""


def postgresql_kinds() -> dict[str, Kind]:
    """Return the kinds of PostgreSQL's own types."""
    from django.contrib.postgres import fields

    def kind(make: Callable[..., models.Field], *values: str) -> Kind:
        return Kind(
            field=lambda _, o: make(**o), sqlite=lambda _: None, postgresql=lambda r: r.choice(values)
        )

    return {
        "texts": kind(
            lambda **o: fields.ArrayField(models.CharField(max_length=99), **o),
            "{}",
            '{a,"b,c",NULL}',
            '{"",NULL}',
        ),
        "grid": kind(
            lambda **o: fields.ArrayField(fields.ArrayField(models.IntegerField()), **o),
            "{}",
            "{{1,2},{3,NULL}}",
        ),
        "days": kind(
            lambda **o: fields.ArrayField(models.DateField(), **o), "{2024-01-01}", "{infinity,2024-01-01}"
        ),
        "documents": kind(
            lambda **o: fields.ArrayField(models.JSONField(), **o), "{}", r'{"null",NULL,"{\"a\": 1.10}"}'
        ),
        "period": kind(
            fields.DateRangeField, "empty", "[2024-01-01,2024-02-01)", "(,)", "[-infinity,infinity)"
        ),
        "moments": kind(
            fields.DateTimeRangeField, "empty", "[2024-01-01 10:00+00,)", "(,10000-01-01 00:00+00)"
        ),
        "span": kind(fields.IntegerRangeField, "empty", "[1,5)", "(,7)"),
        "amounts": kind(fields.DecimalRangeField, "[1.10,2.500]", "(0,)", "empty"),
        "durations": kind(
            lambda **o: fields.ArrayField(models.DurationField(), **o), '{"1 mon"}', '{"1 day"}', "{}"
        ),
    }
