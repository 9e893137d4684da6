"""The config that init writes: right for the sample shop, careful with shops it has never seen."""

from pathlib import Path

import pytest

from storekeeper.config import Config, parse_config
from storekeeper.shop.description import FileField, LogFile, ModelDescription, ShopDescription
from storekeeper.shop.draft import Draft, constant_part


def described(project: Path, **changes: object) -> ShopDescription:
    """Give a small ordinary shop, with changes."""
    values = {
        "django_version": "5.2",
        "python_version": "3.11.7",
        "settings_module": "madamda.settings",
        "time_zone": "UTC",
        "use_tz": True,
        "base_dir": project,
        "media_root": project / "media",
        "media_url": "/media/",
        "static_root": project / "staticfiles",
        "static_dirs": (),
        "log_files": (LogFile(path=project / "logs" / "django.log", handler="logging.FileHandler"),),
        "databases": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}},
        "models": (),
    }
    return ShopDescription.model_validate({**values, **changes})


def drafted(description: ShopDescription, project: Path, *, sizes: dict[Path, int] | None = None) -> Config:
    """Give the config that is drafted, as the rest of storekeeper reads it."""
    text = Draft(
        description,
        project=project,
        python=Path("/usr/bin/python3"),
        folder=project,
        measure=lambda path: (sizes or {}).get(path, 0),
    ).text()
    return parse_config(text, name="draft", folder=project)


def model(project: Path, *, label: str, upload_to: str, timestamps: dict[str, str]) -> ModelDescription:
    """Give a model with one file field."""
    return ModelDescription(
        label=label,
        table=label.lower().replace(".", "_"),
        database="default",
        managed=True,
        primary_key="id",
        primary_key_column="id",
        file_fields=(
            FileField(name="image", column="image", upload_to=upload_to, storage_location=project / "media"),
        ),
        timestamps=timestamps,
    )


def test_ordinary_shop(tmp_path: Path) -> None:
    """Databases, areas with the guide's limits and the orders are found."""
    orders = model(tmp_path, label="app.Order", upload_to="", timestamps={})
    config = drafted(described(tmp_path, models=(orders,)), tmp_path)
    assert "madamda" == config.shop
    assert {"media": 500_000_000, "static": 50_000_000, "logs": 50_000_000} == {
        name: area.limit for name, area in config.areas.items()
    }
    assert (100_000_000, 1_000_000_000) == (config.databases["default"].limit, config.total.limit)
    assert "app.Order" == config.orders


def test_qr_code_model_is_found(tmp_path: Path) -> None:
    """A QR image beside an expiry time is a source; its tracking codes are those without rows."""
    codes = model(tmp_path, label="pay.OrderQRCode", upload_to="qr_codes/", timestamps={"expires_at": "e"})
    config = drafted(described(tmp_path, models=(codes,)), tmp_path)
    payment = config.qr_codes["payment"]
    assert ("pay.OrderQRCode", "image", "expires_at") == (payment.model, payment.file, payment.expires)
    assert "qr_codes/tracking_qr_*.png" == config.qr_codes["tracking"].pattern
    assert {"qr_codes": "qr_codes"} == config.areas["media"].groups


@pytest.mark.parametrize(
    ("label", "timestamps"),
    [("docs.Contract", {"expires_at": "expires_at"}), ("app.HeroSlide", {"ends_at": "ends_at"})],
)
def test_other_files_with_a_time_are_left_alone(
    label: str, timestamps: dict[str, str], tmp_path: Path
) -> None:
    """Contracts that expire and slides that end are nobody's QR codes: a person decides about them."""
    other = model(tmp_path, label=label, upload_to="files/", timestamps=timestamps)
    assert {} == drafted(described(tmp_path, models=(other,)), tmp_path).qr_codes


def test_large_area_gets_room(tmp_path: Path) -> None:
    """An area that is over half of the guide's limit already gets twice its size."""
    config = drafted(described(tmp_path), tmp_path, sizes={tmp_path / "media": 3_000_000_001})
    assert 6_001_000_000 == config.areas["media"].limit
    assert config.total.limit is not None
    assert config.total.limit >= 6_000_000_000


def test_wide_and_missing_folders_are_left_out(tmp_path: Path) -> None:
    """A MEDIA_ROOT that is the project, no STATIC_ROOT and a log beside manage.py make no area."""
    description = described(
        tmp_path,
        media_root=tmp_path,
        static_root=None,
        log_files=(LogFile(path=tmp_path / "debug.log", handler="logging.FileHandler"),),
    )
    assert {} == drafted(description, tmp_path).areas


def test_backups_stay_apart_from_media(tmp_path: Path) -> None:
    """A shop that uploads into ``backups`` gets another folder for its backups."""
    config = drafted(described(tmp_path, media_root=tmp_path / "backups"), tmp_path)
    assert tmp_path / "storekeeper-backups" == config.backups.path


def test_unknown_databases_are_left_out(tmp_path: Path) -> None:
    """MySQL and a database in memory are named in a comment, not in the config."""
    databases = {
        "default": {"ENGINE": "django.db.backends.mysql", "NAME": "x"},
        "cache": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    }
    assert {} == drafted(described(tmp_path, databases=databases), tmp_path).databases


def test_names_in_any_script_are_kept(tmp_path: Path) -> None:
    """A Khmer folder name is written so that it reads back as it is."""
    description = described(tmp_path, media_root=tmp_path / "រូបភាព: #1")
    assert tmp_path / "រូបភាព: #1" == drafted(description, tmp_path).areas["media"].path


@pytest.mark.parametrize(
    ("upload_to", "expected"),
    [
        ("qr_codes/", "qr_codes"),
        ("images/products/%Y/%m/", "images/products"),
        ("%Y/", ""),
        ("", ""),
        ("../up", ""),
        ("a/./b", "a"),
    ],
)
def test_constant_part_of_upload_to(upload_to: str, expected: str) -> None:
    """The folder of a file field ends where a date is filled in."""
    assert expected == constant_part(upload_to)
