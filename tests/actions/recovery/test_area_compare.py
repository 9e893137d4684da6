"""An area beside the sums of its backup: every file there and whole, and no other."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.backups.sum_lines import parse_sum_line, sum_line
from actions.recovery.area_compare import compare_area
from storekeeper.backups import Backup, Manifest

FILES = {"a.jpg": b"a", "products/b.jpg": b"b", os.fsdecode(b"odd\xff\n name"): b"c"}


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    """The list of sums of three files, which lie in ``media``."""
    for name, content in FILES.items():
        path = tmp_path / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lines = [sum_line(f"media/{name}", hashlib.sha256(data).hexdigest()) for name, data in FILES.items()]
    (tmp_path / "sums.gz").write_bytes(gzip.compress(b"".join(lines)))
    manifest = Manifest.model_validate(
        {
            "file": "media",
            "kind": "media",
            "created": "2026-03-01T00:00:00Z",
            "format": "tar",
            "sha256": "",
            "size_bytes": 0,
            "sums_file": "sums.gz",
        }
    )
    return Backup(path=tmp_path / "backup", manifest=manifest)


def test_an_area_as_it_was_is_equal(backup: Backup, tmp_path: Path) -> None:
    """Names of any bytes."""
    compared = compare_area(tmp_path / "media", backup)
    assert (compared.equal, compared.files) == (True, 3)


def test_a_changed_a_missing_and_another_file_are_found(backup: Backup, tmp_path: Path) -> None:
    """The first two by name, the third by the number."""
    media = tmp_path / "media"
    (media / "a.jpg").write_bytes(b"x")
    (media / "products" / "b.jpg").unlink()
    (media / "new.jpg").write_bytes(b"new")
    compared = compare_area(media, backup)
    assert (compared.equal, compared.files, compared.differing, compared.more) == (False, 1, 2, 1)
    assert compared.first == ["a.jpg", "products/b.jpg"]


def test_one_file_too_many_is_no_equal_area(backup: Backup, tmp_path: Path) -> None:
    """All that were backed up are whole, and yet."""
    (tmp_path / "media" / "new.jpg").write_bytes(b"new")
    assert not compare_area(tmp_path / "media", backup).equal


def test_a_link_in_the_place_of_a_file_is_not_that_file(backup: Backup, tmp_path: Path) -> None:
    """Even where it leads to the same bytes."""
    (tmp_path / "elsewhere").write_bytes(b"a")
    (tmp_path / "media" / "a.jpg").unlink()
    (tmp_path / "media" / "a.jpg").symlink_to(tmp_path / "elsewhere")
    assert compare_area(tmp_path / "media", backup).first == ["a.jpg"]


@given(st.binary(min_size=1))
def test_a_line_of_sums_is_read_as_it_was_written(raw: bytes) -> None:
    """Whatever bytes a name has."""
    name = raw.decode("utf-8", "surrogateescape")
    sha256 = hashlib.sha256(raw).hexdigest()
    assert parse_sum_line(sum_line(name, sha256)) == (name, sha256)
