"""Each chapter's commands do what it says, as they stand there."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.actions.conftest import keep
from tests.docs.chapter import run_chapter
from tests.shops import PostgreSQLServer, Shop
from tests.small_shops import small_shop
from tests.warm_django import WarmDjango

_MERGE = '''#!{python}
"""Merge YAML from standard input into a config, with the keys that lie on the stick."""
import re, sys, yaml
def merged(old, new):
    both = {{k: merged(old.get(k) or {{}}, v) if isinstance(v, dict) else v for k, v in new.items()}}
    return {{**old, **both}}
def recipient(match):
    text = open({stick!r} + "/" + match[1] + ".txt").read()
    return re.search("age1[a-z0-9]+", text)[0]
given = re.sub("age1([a-z]+)…", recipient, sys.stdin.read())
path = sys.argv[1]
config = merged(yaml.safe_load(open(path)), yaml.safe_load(given))
open(path, "w").write(yaml.safe_dump(config))
'''

_MODELS = """
class Product(models.Model):
    name = models.CharField(max_length=20)
    image = models.FileField(upload_to="products")
"""


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """The folders of the text: the shop's, a second disk, a stick, and one for anything; and programs."""
    for name in ("copies", "stick", "tmp", "programs"):
        (tmp_path / name).mkdir()
    programs = tmp_path / "programs"
    for name, text in {
        "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        "storekeeper": f'#!/bin/sh\nexec {sys.executable} -m storekeeper "$@"\n',
        "merge-config": _MERGE.format(python=sys.executable, stick=str(tmp_path / "stick")),
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return {
        "/srv/shop": tmp_path / "shop",
        "/mnt/copies": tmp_path / "copies",
        "/media/stick": tmp_path / "stick",
        "/tmp": tmp_path / "tmp",
    }


def filled_shop(places: dict[str, Path], warm_django: WarmDjango, *, settings: str = "") -> Shop:
    """A shop with three products and their images."""
    shop = small_shop(places["/srv/shop"], models=_MODELS, warm_django=warm_django, settings=settings)
    (shop.data / "media" / "products").mkdir()
    for number in range(3):
        (shop.data / "media" / "products" / f"{number}.jpg").write_bytes(b"image %d" % number)
    shop.evaluate(
        "from app.models import Product\n"
        "for number in range(3): Product.objects.create(name='x', image=f'products/{number}.jpg')\n"
        "result = 1"
    )
    return shop


def run(name: str, places: dict[str, Path], *, part: str | None = None, **variables: str) -> str:
    """Run a chapter, or a part of it, and return what its commands printed; none may fail."""
    tmp_path = places["/srv/shop"].parent
    done = run_chapter(
        name,
        places=places,
        programs=tmp_path / "programs",
        config=places["/srv/shop"] / "storekeeper.yml",
        environment={**environment(), "STOREKEEPER_STATE": str(tmp_path / "state"), **variables},
        part=part,
    )
    assert done.exit_code == 0, done.output
    return done.output


def environment() -> dict[str, str]:
    checkout = str(Path(__file__).parents[2])
    given = {name: value for name, value in os.environ.items() if not name.startswith("STOREKEEPER")}
    return {**given, "PYTHONPATH": checkout, "LC_ALL": "C.UTF-8"}


def test_the_chapter_on_backups(places: dict[str, Path], warm_django: WarmDjango) -> None:
    """From the first backup to an encrypted one that is back again, no command fails."""
    shop = filled_shop(places, warm_django)
    kept = keep(shop, places["/srv/shop"].parent / "state", qr_codes="{}")
    text = (kept.config.state / "storekeeper.yml").read_text()
    (shop.data / "storekeeper.yml").write_text(text.replace(str(kept.config.backups.path), "backups"))
    output = run("backups.md", places)
    assert "recipient: age1" in output
    assert "AGE-SECRET-KEY" not in output
    there = {path.name.partition(".")[2] for path in places["/mnt/copies"].iterdir()}
    assert {"json.gz.age", "json.gz.age.manifest.json", "tar.gz.age", "tar.gz.sha256.gz.age"} <= there


def test_the_chapter_on_many_files(places: dict[str, Path], warm_django: WarmDjango) -> None:
    """The repository is made, verified, pruned and restored, and restic alone gives the same files back."""
    shop = filled_shop(places, warm_django)
    kept = keep(shop, places["/srv/shop"].parent / "state", qr_codes="{}")
    text = (kept.config.state / "storekeeper.yml").read_text()
    (shop.data / "storekeeper.yml").write_text(text.replace(str(kept.config.backups.path), "backups"))
    # What is installed already is not installed once more.
    install = places["/srv/shop"].parent / "programs" / "apt-get"
    install.write_text("#!/bin/sh\n")
    install.chmod(0o755)
    output = run("media.md", places)
    assert "made the repository; keep a copy of its password file" in output
    assert "1 new and 0 old copies" in output


_PAGE = """
from django.http import HttpResponse
from django.urls import path
from app.models import Product
urlpatterns = [path("", lambda request: HttpResponse(f"{Product.objects.count()} products"))]
"""
_CONFIG = """
shop: test
project: {project}
python: {python}
databases: {{default: {{django: default}}}}
areas: {{media: {{path: media}}}}
"""


def test_the_chapter_on_recovery(places: dict[str, Path], warm_django: WarmDjango) -> None:
    """A drill is verified, openssl verifies its record, and the lost shop is back with its config."""
    shop = filled_shop(places, warm_django)
    (shop.data / "proj" / "urls.py").write_text(_PAGE)
    with (shop.data / "proj" / "settings.py").open("a") as settings:
        settings.write('ROOT_URLCONF = "proj.urls"\n')
    before = {path.name: path.read_bytes() for path in (shop.data / "media" / "products").iterdir()}
    (shop.data / "storekeeper.yml").write_text(_CONFIG.format(project=shop.data, python=sys.executable))
    output = run("recovery.md", places)
    assert re.search(r": verified; \d+ rows and 3 files", output)
    assert "Signature Verified Successfully" in output
    assert "would bring back 2 backups" in output
    assert before == {path.name: path.read_bytes() for path in (shop.data / "media" / "products").iterdir()}
    assert shop.evaluate("from app.models import Product\nresult = Product.objects.count()") == 3
    # The config as it was when the backups were made.
    assert "offsite:" in (shop.data / "storekeeper.yml").read_text()


MOVING = "moving-from-django-dbbackup.md"


def with_dbbackup(copies: Path, *, connector: str = "") -> str:
    """Return the settings of a shop that has django-dbbackup."""
    settings = f"""
INSTALLED_APPS += ["dbbackup"]
STORAGES = {{
    "default": {{"BACKEND": "django.core.files.storage.FileSystemStorage"}},
    "staticfiles": {{"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}},
    "dbbackup": {{
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {{"location": {str(copies)!r}}},
    }},
}}
"""
    if connector:
        settings += f"DBBACKUP_CONNECTORS = {{'default': {{'CONNECTOR': 'dbbackup.db.{connector}'}}}}\n"
    return settings


def test_the_chapter_on_moving(places: dict[str, Path], warm_django: WarmDjango) -> None:
    """django-dbbackup's last backup, storekeeper's first, and the old ones read with plain tools."""
    settings = with_dbbackup(places["/mnt/copies"], connector="sqlite.SqliteConnector")
    filled_shop(places, warm_django, settings=settings)
    output = run(MOVING, places)
    assert "verified db_backup_" in output
    # What the last SELECT of an old backup printed.
    assert "\n3\n" in output
    assert {path.name for path in (places["/tmp"] / "media" / "products").iterdir()} == {
        "0.jpg",
        "1.jpg",
        "2.jpg",
    }


def test_an_old_copy_of_the_file_is_read(places: dict[str, Path], warm_django: WarmDjango) -> None:
    """What django-dbbackup makes of SQLite by default."""
    shop = filled_shop(places, warm_django, settings=with_dbbackup(places["/mnt/copies"]))
    shop.manage("dbbackup", "--compress")
    assert "\nok\n3\n" in run(MOVING, places, part="copy")


def test_an_old_encrypted_backup_is_read(places: dict[str, Path], warm_django: WarmDjango) -> None:
    """GnuPG alone opens it, whoever is gone."""
    settings = with_dbbackup(places["/mnt/copies"], connector="sqlite.SqliteConnector")
    settings += "DBBACKUP_GPG_RECIPIENT = 'owner'\nDBBACKUP_GPG_ALWAYS_TRUST = True\n"
    shop = filled_shop(places, warm_django, settings=settings)
    (places["/mnt/copies"] / "plain").mkdir()
    shop.manage("dbbackup", "--compress")
    (made,) = places["/mnt/copies"].glob("*.dump.gz")
    # The home of an agent has a short name: its socket lies there.
    with TemporaryDirectory(prefix="g") as home:
        gpg = ["gpg", "--batch", "--homedir", home, "--passphrase", ""]
        subprocess.run([*gpg, "--quick-generate-key", "owner"], check=True, capture_output=True)
        trust = ["--trust-model", "always", "--recipient", "owner"]
        subprocess.run([*gpg, *trust, "--encrypt", made], check=True, capture_output=True)
        made.unlink()
        try:
            run(MOVING, places, part="gpg", GNUPGHOME=home)
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def test_an_old_dump_of_postgresql_is_read(
    places: dict[str, Path],
    warm_django: WarmDjango,
    postgresql_server: PostgreSQLServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What django-dbbackup makes of PostgreSQL by default goes into an empty database."""
    url = postgresql_server.create_database("moving")
    words = conninfo_to_dict(url)
    path = f"{postgresql_server.programs}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    dump = places["/mnt/copies"] / "default.psql.bin"
    try:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE app_product AS SELECT generate_series(1, 3) AS id")
        # As its connector calls it.
        command = [postgresql_server.programs / "pg_dump", "--format=custom", f"--file={dump}", url]
        subprocess.run(command, check=True)
        output = run(
            MOVING,
            places,
            part="postgresql",
            PGHOST=str(words["host"]),
            PGUSER=str(words["user"]),
        )
        assert "(1 row)" in output
    finally:
        for name in ("moving", "old"):
            with suppress(psycopg.Error):
                postgresql_server.drop_database(name)
