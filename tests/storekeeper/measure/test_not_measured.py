"""What nobody can measure is named, and what was left of it is no backup; asked of real Django projects."""

import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from actions.action import Context
from actions.backup_media import BackupMedia, BackupMediaOptions
from exporter.measuring import Measuring
from exporter.page import Page
from storekeeper.cli import storekeeper
from storekeeper.config import Config, load_config
from storekeeper.errors import BackupRefused
from storekeeper.measure.not_measured import not_measured
from storekeeper.shop import Shop, ShopDescription
from storekeeper.shop.storages import holds_uploads, uploads_elsewhere

BUCKET = """
from django.core.files.storage import Storage


class Bucket(Storage):
    def __init__(self, **options):
        self.options = options
"""
SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
SECRET_KEY = "test"
INSTALLED_APPS = ["app"]
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
MEDIA_ROOT = BASE_DIR / "media"
LOCAL = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
STATIC = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
"""
IN_BUCKET = 'STORAGES = {"default": {"BACKEND": "app.bucket.Bucket"}, "staticfiles": STATIC}\n'
LOCAL = 'STORAGES = {"default": LOCAL, "staticfiles": STATIC}\n'
MODEL = """
from django.core.files.storage import FileSystemStorage
from django.db import models
from app.bucket import Bucket


class Product(models.Model):
    photo = models.FileField(upload_to="products"%s)
    invoice = models.FileField(upload_to="invoices"%s)
"""
IN_A_BUCKET_OF_ITS_OWN = ", storage=Bucket()"
ON_DISK = ', storage=FileSystemStorage(location="{media}")'


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Make a Django project whose two file fields keep their files as told; media holds an old file."""

    def make(storages: str, *, photo: str = "", invoice: str = "") -> Path:
        project = tmp_path / "project"
        (project / "app").mkdir(parents=True)
        (project / "media").mkdir()
        (project / "media" / "old-banner.txt").write_text("left over")
        fields = tuple(text.format(media=project / "media") for text in (photo, invoice))
        files = {
            "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")\n',
            "settings.py": SETTINGS + storages,
            "app/__init__.py": "",
            "app/bucket.py": BUCKET,
            "app/models.py": MODEL % fields,
        }
        for name, text in files.items():
            (project / name).write_text(text)
        return project

    return make


def described(project: Path) -> ShopDescription:
    """Return what the project says about itself."""
    return Shop(project, python=Path(sys.executable)).describe()


def config_of(project: Path) -> Config:
    """Return a config that names the folder of media, as it was before the uploads moved."""
    path = project / "storekeeper.yml"
    path.write_text(
        f"shop: sample\nproject: {project}\npython: {sys.executable}\nstate: {project.parent}/state\n"
        "databases: {default: {django: default}}\nareas: {media: {path: media}}\n"
    )
    return load_config(path)


def command(*words: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(storekeeper, list(map(str, words)))


def plan(config: Config) -> str:
    """Plan a backup of media and return what it says; raises what the action raises."""
    context = Context(
        config=config, shop=Shop.of(config), now=lambda: dt.datetime.now(dt.UTC), report=lambda _: None
    )
    return BackupMedia().plan(context, BackupMediaOptions()).summary


def test_uploads_in_a_bucket_are_named_everywhere(make_project: Callable[..., Path], tmp_path: Path) -> None:
    """init leaves the old folder out; check-config, storage_info, checklist and a metric name the bucket."""
    project = make_project(IN_BUCKET)
    file = tmp_path / "drafted.yml"
    drafted = command("init", "--project", project, "--python", sys.executable, "--output", file)
    assert "Bucket (default): not measured" in drafted.stderr
    assert "# uploads of app.Product.photo, app.Product.invoice in Bucket (default)" in file.read_text()
    assert "# media: left out. The shop's uploads are not in" in file.read_text()

    config = config_of(project)
    path = project / "storekeeper.yml"
    for words in (["check-config"], ["storage_info"], ["checklist"], ["checklist", "--weekly"]):
        assert "Bucket (default)" in command(*words, "--config.file", path).output, words
    weekly = command("checklist", "--weekly", "--config.file", path).output.splitlines()
    assert ["failed"] == [line.split()[0] for line in weekly if "Media backed up?" in line]
    with pytest.raises(BackupRefused, match="are in Bucket"):
        plan(config)
    measuring = Measuring(config, describe=Shop.of(config).describe)
    measuring.run_once()
    page = Page(measuring.scraper, shop="sample", timeout_seconds=20, process_families=False).encode("")[0]
    assert b'storekeeper_not_measured{kind="uploads",shop="sample",what="default"} 1.0' in page
    assert b'storekeeper_backups{kind="media"' not in page


@pytest.mark.parametrize(
    ("storages", "photo", "invoice", "elsewhere", "held"),
    [
        (LOCAL, "", "", [], True),
        (LOCAL, IN_A_BUCKET_OF_ITS_OWN, IN_A_BUCKET_OF_ITS_OWN, ["Bucket"], False),
        (LOCAL, "", IN_A_BUCKET_OF_ITS_OWN, ["Bucket"], True),
        (IN_BUCKET, ON_DISK, "", ["Bucket"], True),
        (IN_BUCKET, ON_DISK, ON_DISK, ["Bucket"], True),
        (IN_BUCKET.replace("app.bucket.Bucket", "gone.Missing"), ON_DISK, ON_DISK, ["Missing"], True),
    ],
)
def test_mixed_shops_say_both(
    make_project: Callable[..., Path],
    storages: str,
    photo: str,
    invoice: str,
    elsewhere: list[str],
    held: bool,
) -> None:
    """Where some uploads are here and some are not, what is here is backed up and the rest is named."""
    project = make_project(storages, photo=photo, invoice=invoice)
    config, description = config_of(project), described(project)
    root = project / "media"
    found = [
        storage.backend.rpartition(".")[2] for storage in uploads_elsewhere(root, description=description)
    ]
    assert elsewhere == sorted(set(found))
    assert held == holds_uploads(root, description=description)
    assert bool(elsewhere) == bool(not_measured(config, description=description))
    if held:
        assert bool(elsewhere) == ("not in it: the uploads of" in plan(config))
    else:
        with pytest.raises(BackupRefused):
            plan(config)


def test_an_unknown_engine_is_not_a_database_that_is_down(make_project: Callable[..., Path]) -> None:
    """An engine that storekeeper does not know is named as not measured, has no `up` and spoils no total."""
    project = make_project(LOCAL)
    config = config_of(project)
    config_file = project / "storekeeper.yml"
    config_file.write_text(
        config_file.read_text().replace("databases: {", "databases: {legacy: {django: legacy}, ")
    )
    config = load_config(config_file)
    description = described(project)
    databases = {**description.databases, "legacy": {"ENGINE": "django.db.backends.mysql", "NAME": "old"}}
    description = description.model_copy(update={"databases": databases})
    (project / "db.sqlite3").write_bytes(b"")
    named = not_measured(config, description=description)
    assert [("database", "legacy")] == [(one.kind, one.what) for one in named]
    assert "mysqldump" in named[0].hint
    measuring = Measuring(config, describe=lambda: description)
    measuring.run_once()
    page = Page(measuring.scraper, shop="sample", timeout_seconds=20, process_families=False).encode("")[0]
    assert b'storekeeper_database_up{database="default",shop="sample"} 1.0' in page
    assert b'storekeeper_database_up{database="legacy"' not in page
    assert b"storekeeper_storage_size_bytes{" in page
