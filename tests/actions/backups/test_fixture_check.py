"""What comes from the shop is looked at line by line before it becomes a backup."""

import hashlib
import json

import pytest

from actions.backups.fixture_check import FixtureCheck
from storekeeper.backups import TableSum
from storekeeper.errors import BackupRefused

LINES = "".join(
    json.dumps({"model": "app.note", "pk": key, "fields": {"text": "ខ្មែរ, \n"}}, ensure_ascii=False) + ",\n"
    for key in range(3)
).encode()


def sums(lines: bytes, *, rows: int) -> dict[str, TableSum]:
    """Give the sums that the shop would tell of its notes."""
    return {"app.Note": TableSum(rows=rows, checksum=hashlib.sha256(lines).hexdigest())}


def checked(*blocks: bytes) -> FixtureCheck:
    """Give a check that was fed with the notes in these blocks."""
    check = FixtureCheck()
    check.begin("app.Note")
    for block in blocks:
        check.feed(block)
    return check


def test_what_was_sent_is_accepted() -> None:
    """However the lines come, in one block or in many; and an empty table."""
    one, *_ = LINES.splitlines(keepends=True)
    checked(LINES).compare(sums(LINES, rows=3))
    checked(one, LINES[len(one) :]).compare(sums(LINES, rows=3))
    checked().compare(sums(b"", rows=0))


def test_rows_that_did_not_arrive() -> None:
    """Fewer objects than rows that were read."""
    with pytest.raises(BackupRefused, match=r"app.Note: 3 objects arrived, 4 rows were read"):
        checked(LINES).compare(sums(LINES, rows=4))


def test_bytes_that_changed_on_the_way() -> None:
    """Still JSON, and as many rows."""
    with pytest.raises(BackupRefused, match=r"app.Note: what arrived from the shop is not what it sent"):
        checked(LINES.replace(b'"pk": 1', b'"pk": 7')).compare(sums(LINES, rows=3))


def test_table_that_nobody_told_of() -> None:
    """Objects of a model without a sum, and a sum without its lines."""
    with pytest.raises(BackupRefused, match=r"objects of unknown models: app.note"):
        checked(LINES).compare({})
    with pytest.raises(BackupRefused, match=r"not what it sent"):
        FixtureCheck().compare(sums(b"", rows=0))


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (LINES[:-1], "cut inside of a line"),
        (b"", "cut inside of a line"),
        (LINES[:-4] + b",\n", "not valid"),
        (b"[],\n", "not valid"),
        (b'{"model": "app.note", "pk": 1},\n', "not valid"),
        (b'{"model": 7, "pk": 1, "fields": {}},\n', "not valid"),
        (b'{"model": "app.note", "pk": 1, "fields": {"text": "a\nb"}},\n', "not valid"),
        (b'{"model": "app.note", "pk": 1, "fields": {"text": "\xff"}},\n', "not valid"),
    ],
)
def test_what_is_no_line_of_a_fixture(block: bytes, why: str) -> None:
    """Cut lines, other values than objects, objects without a part, and what is no JSON."""
    with pytest.raises(BackupRefused, match=why):
        checked(block)


def test_object_that_is_nested_deep() -> None:
    """Deeper than the quick parser reads; Python's own does."""
    deep = b'{"model": "app.note", "pk": 1, "fields": {"json": %b1%b}},\n' % (b"[" * 300, b"]" * 300)
    checked(deep).compare(sums(deep, rows=1))
