"""Django projects that other people wrote: the config is drafted unedited and the figures are right."""

import functools
import gzip
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.projects import PROJECTS_PYTHON
from tests.sizes import allocated_bytes, file_bytes

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("projects")]

PYTHON = PROJECTS_PYTHON
OSCAR_SETTINGS = Path(__file__).with_name("oscar_settings.txt")


def run(*words: str | Path, folder: Path | None = None) -> str:
    """Run a program and give what it printed."""
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def wagtail(folder: Path) -> Path:
    """Start a Wagtail project from its own template."""
    folder.mkdir()
    run(PYTHON.with_name("wagtail"), "start", "mysite", folder)
    return folder


def oscar(folder: Path) -> Path:
    """Start a django-oscar project as its documentation says."""
    folder.mkdir()
    run(PYTHON.with_name("django-admin"), "startproject", "myshop", folder)
    with (folder / "myshop" / "settings.py").open("a") as settings:
        settings.write(OSCAR_SETTINGS.read_text())
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give the maker of projects whose tables exist; each is made once, whatever order the tests have."""

    @functools.cache
    def make(start: Callable[[Path], Path]) -> Path:
        assert PYTHON.exists(), f"make test sets up {PYTHON.parents[1]}"
        project = start(tmp_path_factory.mktemp("projects") / start.__name__)
        run(PYTHON, "manage.py", "migrate", "--verbosity=0", folder=project)
        return project

    return make


@pytest.fixture(params=[wagtail, oscar])
def started(request: pytest.FixtureRequest, made: Callable[..., Path]) -> Path:
    """Give a project whose tables are empty, apart from what its migrations put there."""
    return made(request.param)


def fill(project: Path) -> None:
    """Give the project static files, uploads with a Khmer name, a hard link, and a log."""
    run(PYTHON, "manage.py", "collectstatic", "--noinput", "--verbosity=0", folder=project)
    media = Path(
        run(
            PYTHON,
            "manage.py",
            "shell",
            "-c",
            "from django.conf import settings as s; print(s.MEDIA_ROOT)",
            folder=project,
        ).splitlines()[-1]
    )
    (media / "images" / "ផលិតផល").mkdir(parents=True)
    (media / "images" / "ផលិតផល" / "រូប.jpg").write_bytes(b"x" * 70_001)
    (media / "images" / "same.jpg").hardlink_to(media / "images" / "ផលិតផល" / "រូប.jpg")
    (media / "away").symlink_to("/etc")
    (project / "logs").mkdir()
    (project / "logs" / "django.log").write_text("one line\n" * 1000)


def page_of(config: Path, folder: Path) -> dict[tuple[str, str], float]:
    """Measure once; give each sample by its name and its first identifying label."""
    file = folder / "page.prom"
    run(sys.executable, "-m", "storekeeper", "exporter", "--config.file", config, "--textfile", file)
    samples: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(file.read_text()):
        for sample in family.samples:
            label = next(
                (
                    sample.labels[name]
                    for name in ("table", "area", "mountpoint", "database", "collector")
                    if name in sample.labels
                ),
                "",
            )
            samples[sample.name, label] = sample.value
    return samples


def test_project_of_others_is_measured(started: Path, tmp_path: Path) -> None:
    """init, check-config and the exporter work unedited; figures equal those of du, find, SQL and df."""
    project = Path(shutil.copytree(started, tmp_path / "project"))
    fill(project)
    config = project / "storekeeper.yml"
    run(sys.executable, "-m", "storekeeper", "init", "--project", project, "--python", PYTHON)
    run(sys.executable, "-m", "storekeeper", "check-config", "--config.file", config)
    samples = page_of(config, tmp_path)

    for area, path in areas_of(config):
        if path.is_dir():
            assert file_bytes(path) == samples["storekeeper_area_size_bytes", area]
            assert allocated_bytes(path) == samples["storekeeper_area_allocated_bytes", area]
            assert (
                len(run("find", path, "-type", "f", "-printf", "x\\n").split())
                == samples["storekeeper_area_files", area]
            )
    measured = {area for name, area in samples if name == "storekeeper_area_size_bytes"}
    assert {"media", "static", "logs"} <= measured
    with sqlite3.connect(project / "db.sqlite3") as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {
            t: database.execute(f'SELECT count(*) FROM "{t}"').fetchone()[0]
            for t in tables
            if ("storekeeper_table_rows", t) in samples
        }
    assert len(rows) > 20
    assert rows == {table: samples["storekeeper_table_rows", table] for table in rows}
    assert (project / "db.sqlite3").stat().st_size == samples["storekeeper_database_size_bytes", "default"]
    mountpoint, size = run("df", "--block-size=1", "--output=target,size", project).splitlines()[1].split()
    assert int(size) == samples["storekeeper_disk_size_bytes", mountpoint]
    assert {1.0} == {value for (name, _), value in samples.items() if name == "storekeeper_collector_success"}


def areas_of(config: Path) -> list[tuple[str, Path]]:
    """Give the areas of a config with their folders."""
    from storekeeper.config import load_config

    return [(name, area.path) for name, area in load_config(config).areas.items()]


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """A project with rows and its backup; ``relations`` is what RELATIONS prints."""

    project: Path
    backup: Path
    relations: dict[str, list[Any]]


@pytest.fixture(scope="module")
def back_up(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], BackedUp]:
    """Give the maker of filled projects with a backup; each is made once."""
    return functools.cache(functools.partial(filled_and_backed_up, tmp_path_factory))


@pytest.fixture
def backed_up(started: Path, back_up: Callable[[Path], BackedUp]) -> BackedUp:
    """Give a filled project with a backup of it."""
    return back_up(started)


def filled_and_backed_up(tmp_path_factory: pytest.TempPathFactory, started: Path) -> BackedUp:
    """Copy a project, fill it and back it up."""
    project = Path(shutil.copytree(started, tmp_path_factory.mktemp("filled") / "project"))
    rows = OSCAR_ROWS if (project / "myshop").exists() else WAGTAIL_ROWS
    told = run(PYTHON, "manage.py", "shell", "-c", rows + RELATIONS, folder=project)
    run(sys.executable, "-m", "storekeeper", "init", "--project", project, "--python", PYTHON)
    config = project / "storekeeper.yml"
    run(sys.executable, "-m", "storekeeper", "backup_database", "--compress", "--config.file", config)
    (backup,) = (project / "backups").glob("db_backup_*.json.gz")
    return BackedUp(project=project, backup=backup, relations=json.loads(told.splitlines()[-1]))


def test_backup_of_others_loads(started: Path, backed_up: BackedUp, tmp_path: Path) -> None:
    """A backup of a project that nobody prepared for us restores into an empty database, row for row."""
    project = Path(shutil.copytree(backed_up.project, tmp_path / "project"))
    shutil.copy(started / "db.sqlite3", project / "db.sqlite3")
    run(PYTHON, "manage.py", "loaddata", backed_up.backup, folder=project)
    assert contents(backed_up.project / "db.sqlite3") == contents(project / "db.sqlite3")


def contents(file: Path) -> dict[str, list[Any]]:
    """Give every row of every ordinary table; the moment of a migration and search indexes are not data."""
    with sqlite3.connect(file) as database:
        names = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        virtual = [name for name, sql in names if "VIRTUAL" in (sql or "").upper()]
        return {
            name: sorted(database.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for name, _ in names
            if name not in ("django_migrations", "sqlite_sequence")
            and not any(name.startswith(prefix) for prefix in virtual)
        }


# Rows of the project's own tables: tree nodes, links, money, times, values by attribute, users in groups.
WAGTAIL_ROWS = """
from django.contrib.auth.models import Group, Permission, User
from wagtail.models import Page, Site
user = User.objects.create_user('sokha')
user.groups.set(Group.objects.all())
user.user_permissions.set(Permission.objects.order_by('codename')[:5])
root = Site.objects.get().root_page
for number in range(30):
    root.add_child(instance=Page(title=f'ទំព័រ "{number}"', owner=user)).save_revision().publish()
"""
OSCAR_ROWS = """
import datetime
from decimal import Decimal
from django.contrib.auth.models import User
from oscar.apps.catalogue.models import *
from oscar.apps.partner.models import Partner, StockRecord
from oscar.apps.offer.models import Range
user = User.objects.create_user('sokha')
kind = ProductClass.objects.create(name='ក្រមា')
kind.attributes.create(name='Weight', code='weight', type='float')
kind.attributes.create(name='Woven', code='woven', type='datetime')
kind.attributes.create(name='Size', code='size', type='integer')
partner = Partner.objects.create(name='Weavers')
partner.users.add(user)
shelf = Category.add_root(name='All').add_child(name='Scarves')
range_ = Range.objects.create(name='Everything')
for number in range(30):
    product = Product(product_class=kind, title=f'ក្រមា "{number}"', upc=str(number))
    product.attr.weight = number / 7
    product.attr.woven = datetime.datetime(2026, 11, 22, 3, 4, 5, number, tzinfo=datetime.timezone.utc)
    product.attr.size = number
    product.save()
    product.categories.add(shelf)
    range_.add_product(product)
    StockRecord.objects.create(product=product, partner=partner, partner_sku=str(number),
        price=Decimal(number) / 4, num_in_stock=number)
"""
# What refers to content types and permissions, and links to anything: what we write in our own way.
RELATIONS = """
import json
from django.apps import apps
found = {'by_name': [], 'links': [], 'link_tables': [], 'unmanaged': [], 'read_otherwise': []}
for model in apps.get_models(include_auto_created=True):
    meta = model._meta
    if not meta.managed:
        found['unmanaged'].append(meta.label)
    if meta.auto_created:
        found['link_tables'].append(meta.label_lower)
    for field in [*meta.local_fields, *meta.local_many_to_many]:
        target = field.remote_field and field.remote_field.model._meta.label_lower
        if target in ('contenttypes.contenttype', 'auth.permission'):
            found['by_name'].append([meta.label_lower, field.name, target])
        if field.many_to_many:
            found['links'].append([meta.label_lower, field.name])
        elif field.null and hasattr(field, 'from_db_value') and 'oscar' in type(field).__module__:
            found['read_otherwise'].append([meta.label_lower, field.name])
print(json.dumps(found))
"""
_FRACTION = re.compile(r"(T\d\d:\d\d:\d\d\.\d{3})\d{3}")


def test_backup_of_others_has_the_objects_of_dumpdata(backed_up: BackedUp, tmp_path: Path) -> None:
    """Names for content types and permissions, microseconds and sorted links apart, all objects are equal."""
    dumped = tmp_path / "dumpdata.json"
    # dumpdata stops at a model whose table Django does not make; we leave it out and say so.
    left = [word for label in backed_up.relations["unmanaged"] for word in ("--exclude", label)]
    run(PYTHON, "manage.py", "dumpdata", "--all", *left, "--output", dumped, folder=backed_up.project)
    expected = comparable(json.loads(dumped.read_text("utf-8")), backed_up.relations, named=True)
    objects = json.loads(gzip.decompress(backed_up.backup.read_bytes()))
    assert len(expected) > 150
    assert expected == comparable(objects, backed_up.relations, named=False)


def comparable(
    objects: list[dict[str, Any]], relations: dict[str, list[Any]], *, named: bool
) -> list[dict[str, Any]]:
    """Give dumpdata's objects (``named``: with names for numbers) and ours in one form and order."""
    names: dict[str, dict[int, list[str]]] = {"contenttypes.contenttype": {}, "auth.permission": {}}
    for one in objects if named else ():
        fields = one["fields"]
        if one["model"] == "contenttypes.contenttype":
            names[one["model"]][one["pk"]] = [fields["app_label"], fields["model"]]
    for one in objects if named else ():
        if one["model"] == "auth.permission":
            kind = names["contenttypes.contenttype"][one["fields"]["content_type"]]
            names[one["model"]][one["pk"]] = [one["fields"]["codename"], *kind]
    result = []
    for one in objects:
        if one["model"] in relations["link_tables"]:
            continue
        fields = one["fields"]
        for model, name, target in relations["by_name"] if named else ():
            if one["model"] == model and fields.get(name) is not None:
                value = fields[name]
                found = names[target]
                fields[name] = [found[key] for key in value] if isinstance(value, list) else found[value]
        for model, name in relations["links"]:
            if one["model"] == model and name in fields:
                fields[name] = sorted(fields[name])
        for model, name in relations["read_otherwise"]:
            # oscar's NullCharField reads NULL as ''. dumpdata writes that, we write what is stored.
            if one["model"] == model and fields.get(name) == "":
                fields[name] = None
        if one["model"] in names:
            one.pop("pk", None)
        result.append(json.loads(_FRACTION.sub(r"\1", json.dumps(one))))
    return sorted(result, key=lambda one: json.dumps(one, sort_keys=True))
