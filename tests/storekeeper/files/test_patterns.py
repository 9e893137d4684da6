"""Patterns match names folder by folder."""

import pytest

from storekeeper.files.patterns import FilePattern


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("qr_codes/qr_*.png", "qr_codes/qr_ខ្មែរ.png", True),
        ("qr_codes/qr_*.png", "qr_codes/deeper/qr_1.png", False),
        ("qr_codes/qr_*.png", "qr_codes/QR_1.png", False),
        ("qr_codes/qr_*.png", "x/qr_codes/qr_1.png", False),
        ("*/qr_?.png", "a/qr_1.png", True),
        ("*/qr_?.png", "a/b/qr_1.png", False),
        ("CACHE/**/*", "CACHE/a/b/c.jpg", True),
        ("CACHE/**/*", "CACHE/c.jpg", True),
        ("CACHE/**/*", "other/CACHE/c.jpg", False),
    ],
)
def test_wildcards_stay_within_one_name(pattern: str, name: str, expected: bool) -> None:
    """A star never crosses a slash, two stars are any folders, and case counts."""
    assert FilePattern(pattern).matches(name) == expected


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [("qr_codes/qr_*.png", "qr_codes"), ("a/b*/c/x.png", "a"), ("*.png", ""), ("a/**/x", "a")],
)
def test_the_folder_is_the_part_without_wildcards(pattern: str, folder: str) -> None:
    """A walk for a pattern begins where the pattern begins to vary."""
    assert FilePattern(pattern).folder == folder
