"""The command line: clear messages, the documented exit codes, and one name for each thing everywhere."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from actions.table import ACTIONS
from storekeeper.cli import COMMANDS, storekeeper
from storekeeper.config.load import parse_config
from storekeeper.files import ResourceLock

CHECKOUT = Path(__file__).parents[3]


def run(*words: str | Path, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a folder, with nothing in its environment that could name a config."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STOREKEEPER_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "storekeeper", *map(str, words)],
        cwd=folder, env={**inherited, **environment}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def configured(shop: Any, folder: Path, extra: str = "") -> Path:
    """Write the config of a shop with its state beside it."""
    config = folder / "storekeeper.yml"
    done = run("init", "--project", shop.project, "--python", shop.python, "--output", config, folder=folder)
    assert 0 == done.returncode, done.stderr
    with config.open("a") as file:
        file.write(f"state: {folder / 'state'}\n{extra}")
    return config


def test_every_command_is_documented() -> None:
    """The README's table names every command and action, and nothing that does not exist."""
    text = (CHECKOUT / "README.md").read_text()
    table = text[text.index("## Commands") : text.index("## What keeps")]
    named = {
        line.split("`")[1].removeprefix("storekeeper ").split()[0]
        for line in table.splitlines()
        if line.startswith("| `")
    }
    assert {*COMMANDS, *ACTIONS} == named


def test_every_command_explains_itself() -> None:
    """``--help`` of each command tells what it does and what each option means."""
    with storekeeper.make_context("storekeeper", ["--help"], resilient_parsing=True) as context:
        for name in storekeeper.list_commands(context):
            command = storekeeper.get_command(context, name)
            assert command is not None
            assert command.help, name
            silent = [
                p.name
                for p in command.params
                if getattr(p, "help", "-") in (None, "") and p.param_type_name == "option"
            ]
            assert [] == [option for option in silent if option not in ("log_level", "log_format")], name
            result = CliRunner().invoke(command, ["--help"])
            assert 0 == result.exit_code


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["storage_info"], 2, "storekeeper init"),
        (["storage_info", "--config.file", "nowhere.yml"], 2, "there is no config file nowhere.yml"),
        (["no_such_command"], 2, "No such command"),
        (["cleanup_expired_qr_codes", "--days", "soon"], 2, "--days"),
        (["init", "--project", "nowhere"], 2, "nowhere"),
        (["init", "--project", "."], 1, "settings:"),
        (["up", "--demo", "--project", "."], 2, "--demo"),
        (["check-config", "--config.file", "broken.yml"], 2, "line 1"),
    ],
)
def test_bad_calls_are_one_clear_message(words: list[str], code: int, message: str, tmp_path: Path) -> None:
    """What cannot be done is said on standard error with the documented exit code, without a traceback."""
    (tmp_path / "broken.yml").write_text("shop: [")
    done = run(*words, folder=tmp_path)
    assert code == done.returncode, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "" == done.stdout


def test_schema_describes_the_config(tmp_path: Path) -> None:
    """``check-config --schema`` prints a JSON Schema that knows the keys and refuses others."""
    schema = json.loads(run("check-config", "--schema", folder=tmp_path).stdout)
    assert schema["additionalProperties"] is False
    assert {"databases", "areas", "qr_codes", "backups", "receiver"} <= set(schema["properties"])
    parts = [schema, *(part for part in schema["$defs"].values() if "properties" in part)]
    assert [
        key for part in parts for key, value in part["properties"].items() if "description" not in value
    ] == []
    # What it calls required is all that a config needs.
    least = "".join(f"{key}: madamda\n" for key in schema["required"])
    assert tmp_path == parse_config(least, name="test", folder=tmp_path).project


def test_negative_days_are_refused(make_shop: Any, tmp_path: Path) -> None:
    """An option that the action does not take is a usage error that names it."""
    config = configured(make_shop("sqlite", orders=5, copied=True), tmp_path)
    done = run("cleanup_expired_qr_codes", "--days=-1", "--config.file", config, folder=tmp_path)
    assert (2, True) == (done.returncode, "--days" in done.stderr), done.stderr


def test_database_that_is_down_is_told_without_its_password(make_shop: Any, tmp_path: Path) -> None:
    """A backup of a database that nobody answers for fails, says so, leaves nothing, and tells no secret."""
    shop = make_shop("sqlite", orders=5, copied=True)
    settings = Path(shop.project) / "madamda" / "settings.py"
    with settings.open("a") as file:
        file.write(
            "\nDATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'shop',"
            " 'USER': 'u', 'PASSWORD': 'hush-hush', 'HOST': '127.0.0.1', 'PORT': '1'}}\n"
        )
    config = configured(shop, tmp_path)
    for words in (["backup_database"], ["cleanup_expired_qr_codes"], ["storage_info"]):
        done = run(*words, "--config.file", config, folder=tmp_path)
        told = done.stdout + done.stderr
        assert (0 if words == ["storage_info"] else 1) == done.returncode, told
        assert "refused" in told
        assert "hush-hush" not in told
    backups = Path(shop.project) / "backups"
    assert [] == (list(backups.iterdir()) if backups.exists() else [])


def test_busy_resource_ends_with_75(make_shop: Any, tmp_path: Path) -> None:
    """A run by hand while another works on the same thing ends at once and names the holder."""
    config = configured(make_shop("sqlite", orders=5, copied=True), tmp_path)
    with ResourceLock(tmp_path / "state" / "locks", resource="media", purpose="a test that holds it"):
        done = run("cleanup_expired_qr_codes", "--config.file", config, folder=tmp_path)
    assert 75 == done.returncode, done.stderr
    assert "a test that holds it" in done.stderr


def test_json_is_json(make_shop: Any, tmp_path: Path) -> None:
    """``--json`` prints one JSON value on standard output, whatever else is told."""
    config = configured(make_shop("sqlite", orders=5, copied=True), tmp_path)
    for words in (
        ["storage_info"],
        ["runs"],
        ["cleanup_expired_qr_codes", "--dry-run"],
        ["cleanup_expired_qr_codes"],
        ["backup_database", "--dry-run"],
        ["backup_database"],
    ):
        done = run(*words, "--json", "--config.file", config, folder=tmp_path)
        assert 0 == done.returncode, done.stderr
        json.loads(done.stdout)


def test_names_in_any_encoding_are_printed(make_shop: Any, tmp_path: Path) -> None:
    """A Khmer file name and one that is not UTF-8 are listed on a terminal that knows neither."""
    shop = make_shop("sqlite", orders=5, copied=True)
    codes = Path(shop.data) / "media" / "qr_codes"
    for name in ("tracking_qr_ខ្មែរ.png".encode(), b"tracking_qr_\xff\xfe.png"):
        file = os.fsencode(codes) + b"/" + name
        Path(os.fsdecode(file)).write_bytes(b"x")
        os.utime(file, (1, 1))
    config = configured(shop, tmp_path)
    done = run(
        "cleanup_expired_qr_codes",
        "--dry-run",
        "--config.file",
        config,
        folder=tmp_path,
        PYTHONIOENCODING="ascii",
    )
    assert 0 == done.returncode, done.stderr
    assert "\\udcff" in done.stdout
