"""What comes from the shop is made into lines, and looked at line by line before it becomes a backup."""

import hashlib
import json
from typing import Any

import pytest

from actions.backups.fixture_lines import FixtureLines
from storekeeper.errors import BackupRefused
from storekeeper.shopside.written import Written, packed

FIXED = ['{"model": "app.note", "pk": ', ', "fields": {"text": ', "}},\n"]
TEXTS = ["ខ្មែរ, \\n", "", "b"]


def columns(keys: list[int], texts: list[str]) -> bytes:
    """Give what the shop sends of some notes."""
    return packed([Written.of(map(str, keys)), Written.of(texts, '"', '"')])


NOTES = columns([1, 2, 3], TEXTS)


def told(blocks: list[bytes], *, rows: int) -> dict[str, dict[str, Any]]:
    """Give what the shop would tell of its notes."""
    sent = hashlib.sha256(b"".join(blocks)).hexdigest()
    return {"app.Note": {"rows": rows, "sent_sha256": sent, "links": {}}}


def fed(*blocks: bytes, fixed: list[str] = FIXED) -> tuple[FixtureLines, bytes]:
    """Give the fixture of the notes in these blocks, and its lines."""
    fixture = FixtureLines()
    fixture.begin("app.Note", fixed)
    return fixture, b"".join(fixture.feed(block) for block in blocks)


def test_lines_are_made_of_columns() -> None:
    """However many rows come at once the lines and their sum are the same."""
    whole, lines = fed(NOTES)
    objects = json.loads(b"[%b]" % lines[:-2])
    assert [one["fields"]["text"] for one in objects] == ["ខ្មែរ, \n", "", "b"]
    assert [one["pk"] for one in objects] == [1, 2, 3]
    parts = [columns([1], TEXTS[:1]), columns([2, 3], TEXTS[1:])]
    pieces, same = fed(*parts)
    assert lines == same
    sums = whole.sums(told([NOTES], rows=3))
    assert sums == pieces.sums(told(parts, rows=3))
    assert sums["app.Note"].rows == 3
    assert sums["app.Note"].checksum == hashlib.sha256(lines).hexdigest()


def test_empty_table() -> None:
    """A table without rows has the sum of nothing."""
    fixture, _ = fed()
    assert fixture.sums(told([], rows=0))["app.Note"].checksum == hashlib.sha256().hexdigest()


def test_rows_that_did_not_arrive() -> None:
    """Fewer objects than rows that were read."""
    with pytest.raises(BackupRefused, match=r"app.Note: .*3.* arrived, 4 rows were read"):
        fed(NOTES)[0].sums(told([NOTES], rows=4))


def test_bytes_that_changed_on_the_way() -> None:
    """Still JSON, and as many rows."""
    with pytest.raises(BackupRefused, match=r"app.Note: what arrived from the shop is not what it sent"):
        fed(columns([1, 2, 7], TEXTS))[0].sums(told([NOTES], rows=3))


def test_rows_of_another_model() -> None:
    """A line belongs to the table that was begun."""
    fixture, _ = fed(NOTES, fixed=['{"model": "app.order", "pk": ', *FIXED[1:]])
    with pytest.raises(BackupRefused, match=r"app.Note: .*app.order.* arrived"):
        fixture.sums(told([NOTES], rows=3))


def test_table_that_nobody_told_of() -> None:
    """A table without its sums, sums without their table, columns before any table."""
    with pytest.raises(BackupRefused, match=r"app.Note: the table came without its sums"):
        fed(NOTES)[0].sums({})
    with pytest.raises(BackupRefused, match=r"app.Note: the table came without its sums"):
        FixtureLines().sums(told([], rows=0))
    with pytest.raises(BackupRefused, match=r"does not begin with a table"):
        FixtureLines().feed(NOTES)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"", "do not fit together"),
        (NOTES[:-1] + b"\xff", "not valid"),
        (packed([Written("1")]), "do not fit together"),
        (packed([Written("1\n2"), Written("a", '"', '"')]), "do not fit together"),
        (packed([Written("1"), Written("a\nb", '"', '"')]), "do not fit together"),
        (packed([Written("1"), Written("a", '"')]), "not valid"),
        (packed([Written("1"), Written('a"b', '"', '"')]), "not valid"),
        (packed([Written("1"), Written("a\tb", '"', '"')]), "not valid"),
        (packed([Written("x"), Written("a", '"', '"')]), "not valid"),
    ],
)
def test_columns_that_make_no_lines(block: bytes, why: str) -> None:
    """Too few columns or rows, bytes that are no text, texts that are no JSON."""
    with pytest.raises(BackupRefused, match=why):
        fed(block)


@pytest.mark.parametrize("fixed", [["[", "", "],\n"], ['{"model": 7, "fields": {"a": ', "", "}},\n"]])
def test_what_is_no_object_of_a_fixture(fixed: list[str]) -> None:
    """JSON, but not an object with a model and fields."""
    with pytest.raises(BackupRefused, match="not valid"):
        fed(columns([1], [""]), fixed=fixed)


def test_object_that_is_nested_deep() -> None:
    """Deeper than the quick parser reads; Python's own does."""
    deep = packed([Written("1"), Written("[" * 300 + "]" * 300)])
    fixture, _ = fed(deep)
    assert fixture.sums(told([deep], rows=1))["app.Note"].rows == 1
