"""Whole columns of values as JSON text, beside what Python makes of each value."""

import datetime as dt
import json
from contextlib import suppress
from decimal import Context, Decimal, InvalidOperation
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storekeeper.shopside import bulk_texts
from storekeeper.shopside.field_texts import _sqlite_decimals
from storekeeper.shopside.written import Lines, Written, packed

UTC_TIMES = st.datetimes(timezones=st.just(dt.UTC))


def column(values: st.SearchStrategy) -> st.SearchStrategy:
    """Give columns of one value and more."""
    return st.lists(values, min_size=1, max_size=8)


def json_of(moment: dt.datetime) -> str:
    """Give a moment as Python writes it, with Z for UTC."""
    return json.dumps(moment.isoformat().replace("+00:00", "Z"))


@given(column(st.text()))
def test_text_is_escaped_as_json(values: list[str]) -> None:
    """Quotes, control characters and Khmer alike."""
    assert [json.dumps(value, ensure_ascii=False) for value in values] == bulk_texts.strings(values).whole()


@given(column(st.uuids()))
def test_uuids_get_their_dashes(values: list[UUID]) -> None:
    """From the digits that SQLite keeps to the text of each UUID."""
    assert [json.dumps(str(value)) for value in values] == bulk_texts.hex_uuids(
        [value.hex for value in values]
    ).whole()


@pytest.mark.parametrize(
    "odd", ["A" * 32, "g" * 32, "0" * 31, "0" * 33, "០" * 32, 5, " " * 32, "0_0" + "0" * 29]
)
def test_what_is_no_uuid_goes_the_slow_way(odd: object) -> None:
    """Capital letters, other letters, other lengths, other digits."""
    with pytest.raises((TypeError, ValueError)):
        bulk_texts.hex_uuids(["0" * 32, odd])  # type: ignore[list-item]


@given(column(UTC_TIMES))
def test_times_of_sqlite(values: list[dt.datetime]) -> None:
    """With a fraction of six digits or none, as Django stores them."""
    stored = [str(value.replace(tzinfo=None)) for value in values]
    assert [json_of(value) for value in values] == bulk_texts.sqlite_times("Z")(stored).whole()


@given(column(UTC_TIMES))
def test_times_of_postgresql(values: list[dt.datetime]) -> None:
    """PostgreSQL leaves out the zeros at the end of a fraction."""
    texts = [str(value.replace(tzinfo=None)) for value in values]
    stored = [(text.rstrip("0") if "." in text else text) + "+00" for text in texts]
    assert [json_of(value) for value in values] == bulk_texts.postgresql_times(stored).whole()


@pytest.mark.parametrize(
    "odd",
    [
        "2026-11-22T15:43:00.120000",
        "2026-11-22 15:43:00.000000",
        "2026-11-22 15:43:00.1200",
        "2026-11-22 15:43:00.123+01",
        "2026-11-22 15:43:00.12345Z",
        "2026-11-22 15:43:00,120000",
        "2026-13-22 15:43:00.120000",
        "2026-11-22",
        "",
        5,
    ],
)
def test_what_django_does_not_store_as_a_time_goes_the_slow_way(odd: object) -> None:
    """Other separators, zones, months that do not exist."""
    with pytest.raises((TypeError, ValueError)):
        bulk_texts.sqlite_times("Z")(["2026-11-22 15:43:00.120000", odd])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "odd",
    [
        "infinity",
        "-infinity",
        "10000-01-01 00:00:00+00",
        "0044-03-15 12:00:00+00 BC",
        "2026-01-01 00:00:00+07",
    ],
)
def test_moments_unknown_to_python_go_the_slow_way(odd: str) -> None:
    """PostgreSQL knows the end of time and the years before Christ."""
    with pytest.raises(ValueError, match=r"not in UTC|as Django stores"):
        bulk_texts.postgresql_times(["2026-01-01 00:00:00+00", odd])


@given(
    column(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
)
def test_decimals_of_postgresql(values: list[Decimal]) -> None:
    """PostgreSQL writes no exponents, Python does for small ones: these go the slow way."""
    stored = [f"{value:f}" for value in values]
    expected = [f'"{Decimal(text)}"' for text in stored]
    try:
        assert expected == bulk_texts.postgresql_decimals(stored).whole()
    except ValueError:
        assert any("0.000000" in text for text in stored)


NUMBERS = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-(10**17), 10**17),
    st.integers(-(10**8), 10**8).map(lambda number: number / 1000),
)


@example([2.675], (10, 2))
@example([1.5, 2.0, 1.5], (10, 2))
@example([0.0], (8, 7))
@example([0.0], (8, 6))
@given(
    column(NUMBERS),
    st.integers(1, 20).flatmap(lambda digits: st.tuples(st.just(digits), st.integers(0, min(digits, 8)))),
)
def test_decimals_of_sqlite(values: list[float], sizes: tuple[int, int]) -> None:
    """The quick text of a float is the one that Django's decimal of 15 digits has; else it is not taken."""
    digits, places = sizes
    # 2.675 is a bit less as a float: cut at two places it is 2.67, by way of 15 digits 2.68.
    field = SimpleNamespace(max_digits=digits, decimal_places=places)
    quick = _sqlite_decimals(field)
    assert quick is not None
    for column_of_them in (values, values[:1], values):
        with suppress(ValueError, OverflowError):
            texts = quick(column_of_them).whole()
            assert [django_text(value, digits=digits, places=places) for value in column_of_them] == texts


def django_text(value: float, *, digits: int, places: int) -> str:
    """Give the text of a number of SQLite as Django reads and writes it."""
    rough = Context(prec=15).create_decimal_from_float(value)
    try:
        exact = rough.quantize(Decimal(1).scaleb(-places), context=Context(prec=digits))
    except InvalidOperation:
        return "no such decimal"
    return f'"{exact}"'


def test_prices_go_the_quick_way() -> None:
    """Also whole ones, which SQLite keeps as integers, and again when they are known."""
    field = SimpleNamespace(max_digits=10, decimal_places=2)
    quick = _sqlite_decimals(field)
    assert quick is not None
    for _ in range(2):
        assert quick([12, 12.5, -0.01, 12]).whole() == ['"12.00"', '"12.50"', '"-0.01"', '"12.00"']


@given(column(st.dates()))
def test_dates_of_sqlite(values: list[dt.date]) -> None:
    """As Django stores them."""
    stored = [value.isoformat() for value in values]
    assert [json.dumps(value) for value in stored] == bulk_texts.sqlite_dates(stored).whole()


@pytest.mark.parametrize("odd", ["2026-13-01", "2026-W48-5", "20261122", "2026-11-22 00:00:00", "", 5])
def test_what_django_does_not_store_as_a_date_goes_the_slow_way(odd: object) -> None:
    """Months that do not exist, weeks, other lengths."""
    with pytest.raises((TypeError, ValueError)):
        bulk_texts.sqlite_dates(["2026-11-22", odd])  # type: ignore[list-item]


def test_lines_of_different_blocks() -> None:
    """What stands around a column may differ from block to block."""
    lines = Lines(["<", "|", ">\n"])
    first = [Written.of(["a", "ខ"], '"', '"'), Written.of(["1", "2"])]
    second = [Written.of(["null", '"c"']), Written.of(["3", "4"], "(", ")")]
    assert '<"a"|1>\n<"ខ"|2>\n' == lines.block(packed(first)).decode()
    assert '<null|(3)>\n<"c"|(4)>\n' == lines.block(packed(second)).decode()
    assert '<"a"|1>\n' == lines.block(packed([Written("a", '"', '"'), Written("1")])).decode()


@given(
    st.integers(1, 4).flatmap(
        lambda rows: st.lists(
            st.tuples(
                st.lists(
                    st.text().map(lambda text: json.dumps(text, ensure_ascii=False)),
                    min_size=rows,
                    max_size=rows,
                ),
                st.sampled_from(["", '"']),
            ),
            min_size=1,
            max_size=4,
        )
    )
)
def test_lines_hold_every_column(columns: list[tuple[list[str], str]]) -> None:
    """Any JSON text, and what stands around it, row by row."""
    whole = [[f"{around}{text}{around}" for text in texts] for texts, around in columns]
    written = [Written.of(texts, around, around) for texts, around in columns]
    assert [column.whole() for column in written] == whole
    lines = Lines(["<", *["|"] * (len(columns) - 1), ">\n"])
    expected = "".join(f"<{'|'.join(row)}>\n" for row in zip(*whole, strict=True))
    assert lines.block(packed(written)).decode() == expected


@pytest.mark.parametrize(
    "columns",
    [
        [Written.of(["1", "2"])],
        [Written.of(["1", "2"]), Written.of(["a"])],
        [Written.of(["1"]), Written.of(["a", "b"])],
        [Written.of(["1"]), Written.of(["a"]), Written.of(["x"])],
    ],
)
def test_columns_that_do_not_fit(columns: list[Written]) -> None:
    """Fewer or more columns than the lines have, and columns of different length, make no lines."""
    with pytest.raises(ValueError, match=r"columns for lines of 2|assign sequence of size"):
        Lines(["<", "|", ">\n"]).block(packed(columns))
