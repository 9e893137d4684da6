"""Which folders an ``upload_to`` explains."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storekeeper.shop.upload_shapes import UploadShape, upload_parts


@pytest.mark.parametrize(
    ("upload_to", "folder", "expected"),
    [
        ("products", "products", True),
        ("products/", "products", True),
        ("products", "products/feeds", False),
        ("products", "", False),
        ("products/%Y/%m", "products/2026/11", True),
        ("products/%Y/%m", "products", False),
        ("products/%Y/%m", "products/2026", False),
        ("products/%Y/%m", "products/2026/thumbs", False),
        ("products/%Y/%m", "products/2026/11/x", False),
        ("%Y/%m/%d", "2026/11/28", True),
        ("%Y/%m/%d", "2026/11/feed", False),
        ("a.b/%B-%%", "a.b/November-%", True),
        ("a.b", "axb", False),
        ("", "", False),
    ],
)
def test_explains_the_folders_of_uploads_and_no_others(upload_to: str, folder: str, expected: bool) -> None:
    """Only the folder in which an upload lies, in all its parts."""
    assert expected is UploadShape(storage="", parts=upload_parts(upload_to)).explains(folder)


def test_storages_below_and_above_the_area() -> None:
    """The shape counts from the storage, wherever the area is."""
    below = UploadShape(storage="private", parts=("a", "%Y"))
    assert (True, False) == (below.explains("private/a/2026"), below.explains("a/2026"))
    above = UploadShape(storage="", above=("a",), parts=("a", "%Y"))
    assert (True, False) == (above.explains("2026"), above.explains("a/2026"))
    assert ("private/a", "") == (below.base, above.base)
    whole = UploadShape(storage="", above=("a",), parts=("a",))
    assert whole.explains("")


@pytest.mark.parametrize(
    ("upload_to", "base", "name"),
    [("a/b", "a/b", "a/b"), ("a/%Y/b", "a", "a"), ("%Y/a", None, "%Y/a"), ("", None, "")],
)
def test_base_is_the_constant_part(upload_to: str, base: str | None, name: str) -> None:
    """What begins with a date has none, and is approved by its whole text."""
    shape = UploadShape(storage="", parts=upload_parts(upload_to))
    assert (base, name) == (shape.base, shape.name)


@pytest.mark.parametrize("upload_to", ["/a", "a/../b", "..", "\\a"])
def test_what_leads_elsewhere_explains_nothing(upload_to: str) -> None:
    """Then only rows tell where files lie."""
    assert upload_parts(upload_to) is None
    assert not UploadShape(storage="", parts=None).explains("a")


@given(
    st.datetimes(min_value=dt.datetime(1000, 1, 1)),
    st.lists(
        st.lists(st.sampled_from(["%Y", "%m", "%d", "%H", "%j", "%y", "x", "-", "%%", "%b"]), min_size=1),
        min_size=1,
        max_size=4,
    ),
)
def test_explains_every_date(moment: dt.datetime, parts: list[list[str]]) -> None:
    """What Django makes of an upload_to is explained by it."""
    upload_to = "/".join("".join(pieces) for pieces in parts)
    assert UploadShape(storage="", parts=upload_parts(upload_to)).explains(moment.strftime(upload_to))
