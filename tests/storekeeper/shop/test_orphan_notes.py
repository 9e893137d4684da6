"""What a new config says about where files are judged."""

from pathlib import Path

from storekeeper.shop import ShopDescription
from storekeeper.shop.orphan_notes import orphan_notes

MEDIA = Path("/srv/shop/media")


def described(**fields: tuple[str, bool]) -> ShopDescription:
    """Describe a shop with one model of these fields: name → (upload_to, whether a function makes it)."""
    return ShopDescription.model_validate(
        {
            "django_version": "5.2",
            "python_version": "3.12",
            "settings_module": "settings",
            "time_zone": "UTC",
            "use_tz": True,
            "base_dir": None,
            "media_root": MEDIA,
            "media_url": "/media/",
            "static_root": None,
            "static_dirs": [],
            "log_files": [],
            "databases": {},
            "caches": [{"package": "imagekit", "folder": MEDIA / "CACHE/images"}],
            "models": [
                {
                    "label": "app.Paper",
                    "table": "paper",
                    "database": "default",
                    "managed": True,
                    "primary_key": "id",
                    "primary_key_column": "id",
                    "file_fields": [
                        {
                            "name": name,
                            "column": name,
                            "upload_to": upload_to,
                            "storage_location": MEDIA,
                            "made_by_function": by_function,
                        }
                        for name, (upload_to, by_function) in fields.items()
                    ],
                }
            ],
        }
    )


def test_says_what_is_judged_and_what_is_not() -> None:
    """Folders of upload_to, of functions, caches, others; each line is a comment."""
    shop = described(file=("papers/%Y", False), face=("", True))
    lines = list(orphan_notes(shop, media=MEDIA, folders=["papers", "invoices"]))
    assert all(line.startswith("#") for line in lines)
    text = "\n".join(lines)
    for words in ("papers/%Y", "app.Paper.face", "CACHE/images (cache of imagekit)", "invoices", "--approve"):
        assert words in text
    assert "upload_to says them, unless rows name files there: invoices" in text


def test_says_nothing_where_no_field_writes() -> None:
    """A media folder without uploads has no orphans."""
    assert [] == list(orphan_notes(described(), media=MEDIA, folders=["papers"]))
