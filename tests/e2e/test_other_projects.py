"""Django projects that other people wrote: the config is drafted unedited and the figures are right."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("projects")]

CHECKOUT = Path(__file__).parents[2]
PYTHON = CHECKOUT / ".venv-projects" / "bin" / "python"
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


@pytest.fixture(scope="module", params=[wagtail, oscar])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project whose tables exist and are empty, apart from what its migrations put there."""
    assert PYTHON.exists(), "make test sets up .venv-projects"
    project: Path = request.param(tmp_path_factory.mktemp("projects") / request.param.__name__)
    run(PYTHON, "manage.py", "migrate", "--verbosity=0", folder=project)
    return project


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
            assert int(run("du", "-sb", path).split()[0]) == samples["storekeeper_area_size_bytes", area]
            assert (
                int(run("du", "-s", "--block-size=1", path).split()[0])
                == samples["storekeeper_area_allocated_bytes", area]
            )
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


def test_backup_of_others_loads(started: Path, tmp_path: Path) -> None:
    """A backup of a project that nobody prepared for us restores into an empty database, row for row."""
    project = Path(shutil.copytree(started, tmp_path / "project"))
    run(
        PYTHON,
        "manage.py",
        "createsuperuser",
        "--noinput",
        "--username=sokha",
        "--email=a@b.kh",
        folder=project,
    )
    run(sys.executable, "-m", "storekeeper", "init", "--project", project, "--python", PYTHON)
    config = project / "storekeeper.yml"
    run(sys.executable, "-m", "storekeeper", "backup_database", "--compress", "--config.file", config)
    (backup,) = (project / "backups").glob("db_backup_*.json.gz")
    original = project / "original.sqlite3"
    shutil.move(project / "db.sqlite3", original)
    shutil.copy(started / "db.sqlite3", project / "db.sqlite3")
    run(PYTHON, "manage.py", "loaddata", backup, folder=project)
    assert contents(original) == contents(project / "db.sqlite3")


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
