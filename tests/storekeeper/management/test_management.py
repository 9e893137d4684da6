"""The same commands under the shop's manage.py."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

from actions.table import ACTIONS
from storekeeper.cli import storekeeper

FOLDER = Path(sys.modules["storekeeper"].__file__ or "").parent / "management" / "commands"


def manage(shop: Any, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run the shop's manage.py in its folder."""
    return subprocess.run(
        [shop.python, "manage.py", *words],
        cwd=shop.project, env=shop.environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_every_action_has_its_management_command() -> None:
    """manage.py has the two reports and every action, and each names exactly the options of the command."""
    names = {file.stem for file in FOLDER.glob("*.py")} - {"__init__"}
    assert {"storage_info", "checklist", *ACTIONS} == names
    for name in names:
        command = storekeeper.get_command(click.Context(storekeeper), name)
        assert command is not None
        options = {
            option.opts[0].removeprefix("--").replace("-", "_")
            for option in command.params
            if isinstance(option, click.Option)
        }
        module = import_module(f"storekeeper.management.commands.{name}")
        assert sorted(options) == sorted(module.Command.stealth_options), name


def test_guides_commands_work_without_a_config(make_shop: Any) -> None:
    """A shop with the application installed and no storekeeper.yml has the guide's three commands."""
    shop = make_shop("sqlite", orders=20, copied=True)
    report = manage(shop, "storage_info", "--json")
    assert 0 == report.returncode, report.stderr
    assert {"default"} == {database["name"] for database in json.loads(report.stdout)["databases"]}
    dry = manage(shop, "cleanup_expired_qr_codes", "--days=7", "--dry-run")
    assert 0 == dry.returncode, dry.stderr
    backup = manage(shop, "backup_database", "--compress", "--output=backups/")
    assert 0 == backup.returncode, backup.stderr
    assert 1 == len(list((Path(shop.project) / "backups").glob("db_backup_*.json.gz")))


def test_applications_named_like_ours_do_not_disturb(make_shop: Any) -> None:
    """A shop may have its own packages ``actions`` and ``exporter``."""
    shop = make_shop("sqlite", orders=5, copied=True)
    for name in ("actions", "exporter"):
        (Path(shop.project) / name).mkdir()
        (Path(shop.project) / name / "__init__.py").write_text(
            "raise ImportError('the shop has this name')\n"
        )
    done = manage(shop, "cleanup_expired_qr_codes", "--dry-run")
    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--nonsense"], 2), (["--days=soon"], 2), (["--config.file=nowhere.yml"], 2), (["--help"], 0)],
)
def test_exit_codes_pass_through(words: list[str], code: int, make_shop: Any) -> None:
    """manage.py ends with the command's own exit code."""
    assert code == manage(make_shop("sqlite", orders=5), "cleanup_expired_qr_codes", *words).returncode


def test_settings_option_is_djangos(make_shop: Any) -> None:
    """``--settings`` and ``--verbosity`` stay Django's and choose the shop that is asked."""
    shop = make_shop("sqlite", orders=5, copied=True)
    other = Path(shop.project) / "madamda" / "other.py"
    other.write_text("from madamda.settings import *\nMEDIA_ROOT = BASE_DIR / 'elsewhere'\n")
    done = manage(shop, "storage_info", "--json", "--settings=madamda.other", "--verbosity", "2")
    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout)["areas"]["media"]["usage"] is None


def test_call_command_runs_and_fails_like_one(make_shop: Any) -> None:
    """``call_command`` takes the options by name and raises CommandError with the exit code."""
    shop = make_shop("sqlite", orders=5, copied=True)
    code = (
        "from django.core.management import call_command, CommandError\n"
        "call_command('backup_database', compress=False, output='copies')\n"
        "try:\n"
        "    call_command('backup_database', database='nobody')\n"
        "except CommandError as error:\n"
        "    print('failed with', error.returncode)\n"
    )
    done = manage(shop, "shell", "--command", code)
    assert "failed with" in done.stdout, done.stdout + done.stderr
    copies = {path.name.removesuffix(".manifest.json") for path in (Path(shop.project) / "copies").iterdir()}
    assert 1 == len(copies)
