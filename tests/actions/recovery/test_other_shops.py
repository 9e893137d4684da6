"""A Wagtail project comes back on an empty machine, with the page that it answers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.actions.recovery.conftest import _sqlite_rows, files_in
from tests.projects import PROJECTS_PYTHON

pytestmark = [pytest.mark.thorough, pytest.mark.xdist_group("projects")]


def run(*words: object, folder: Path) -> str:
    """Run a program and return what it printed."""
    done = subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("form", ["json", "native"])
def test_wagtail_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Drill, loss of database, files, config and state, recovery: all is equal, and the page answers."""
    project, copies = tmp_path / "site", tmp_path / "copies"
    project.mkdir()
    copies.mkdir()
    monkeypatch.setenv("STOREKEEPER_STATE", str(tmp_path / "state"))
    storekeeper = (sys.executable, "-m", "storekeeper")
    run(PROJECTS_PYTHON.with_name("wagtail"), "start", "mysite", project, folder=tmp_path)
    run(PROJECTS_PYTHON, "manage.py", "migrate", "--verbosity=0", folder=project)
    (project / "media" / "original_images").mkdir(parents=True)
    (project / "media" / "original_images" / "a.jpg").write_bytes(b"image")
    run(*storekeeper, "init", "--project", project, "--python", PROJECTS_PYTHON, folder=project)
    config = project / "storekeeper.yml"
    document = yaml.safe_load(config.read_text())
    document["backups"] = {"offsite": [f"file://{copies}"], "format": form}
    config.write_text(yaml.safe_dump(document))
    run(*storekeeper, "backup_database", "--verify", folder=project)
    run(*storekeeper, "backup_media", folder=project)
    told = run(*storekeeper, "drill", folder=project)
    assert ": verified; " in told, told
    before = (
        _sqlite_rows(project / "db.sqlite3", numbers=form == "native"),
        files_in(project / "media"),
    )
    for path in project.glob("db.sqlite3*"):
        path.unlink()
    config.unlink()
    for folder in (project / "media", project / "backups", tmp_path / "state"):
        shutil.rmtree(folder)
    told = run(*storekeeper, "recover", f"--from={copies}", folder=project)
    assert " is back: " in told, told
    after = (
        _sqlite_rows(project / "db.sqlite3", numbers=form == "native"),
        files_in(project / "media"),
    )
    assert {name for name in before[0] if before[0][name] != after[0].get(name)} == set()
    assert before[1] == after[1]
    code = "from django.test import Client; print(Client(SERVER_NAME='localhost').get('/').status_code)"
    assert run(PROJECTS_PYTHON, "manage.py", "shell", "-c", code, folder=project).split()[-1] == "200"
