"""The checklists: each question measured on a real shop, and each answer turned by what it asks about."""

import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from actions.table import ACTIONS
from exporter.recent_errors import errors_since
from storekeeper.cli import storekeeper
from storekeeper.commands.checks.lists import LISTS


@pytest.fixture
def config_file(make_shop: Callable[..., Any], tmp_path: Path) -> Path:
    """The config of a sample shop."""
    shop = make_shop("sqlite", orders=20, copied=True)
    path = tmp_path / "storekeeper.yml"
    path.write_text(
        f"shop: test\nproject: {shop.project}\nstate: {tmp_path / 'state'}\n"
        "databases: {default: {django: default, limit: 100MB}}\n"
        f"disks: [{tmp_path}]\n"
        "areas: {media: {path: media, limit: 500MB}, logs: {path: logs, limit: 50MB}}\n"
        "qr_codes:\n"
        "  payment: {model: app.OrderQRCode, file: qr_code_image, expires: expires_at,"
        ' pattern: "qr_codes/qr_*.png"}\n'
        '  tracking: {pattern: "qr_codes/tracking_qr_*.png"}\n'
    )
    return path


def ask(config_file: Path, *lists: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Give the exit code, and question → answer of the lists."""
    words = ["checklist", *lists, "--json", "--config.file", str(config_file)]
    done = CliRunner().invoke(storekeeper, words, catch_exceptions=False)
    answers = {line["question"]: line for lines in json.loads(done.stdout).values() for line in lines}
    return done.exit_code, answers


def states(answers: dict[str, dict[str, str]]) -> dict[str, str]:
    return {question: answer["state"] for question, answer in answers.items()}


def do_chores(config_file: Path) -> None:
    """Do what the guide wants done."""
    for words in (
        ["cleanup_expired_qr_codes"],
        ["rotate_logs"],
        ["backup_database", "--verify"],
        ["backup_media"],
        ["report_storage"],
    ):
        done = CliRunner().invoke(storekeeper, [*words, "--config.file", str(config_file)])
        assert 0 == done.exit_code, done.output


def test_every_question_is_turned_by_what_it_asks_about(config_file: Path) -> None:
    """After the chores today's lines are ok; each trouble shows on its own line with a command."""
    do_chores(config_file)
    project = Path(config_file.read_text().split("project: ")[1].splitlines()[0])
    code, today = ask(config_file, "--daily")
    # How full the disk is that the tests run on is not ours to say.
    assert ("ok" != today.pop("Disks below 80 %?")["state"]) == code
    assert {"ok"} == set(states(today).values())
    assert all(answer["measured"] and not answer["command"] for answer in today.values())
    every = [f"--{name}" for name in LISTS]
    _, before = ask(config_file, *every)
    now = dt.datetime.now().astimezone()
    (project / "logs" / "django.log").write_text(f"ERROR {now:%Y-%m-%d %H:%M:%S},000 shop broken\n")
    (project / "logs" / "old.log").write_text("INFO 2020-01-01 00:00:00,000 long ago\n")
    (project / "media" / "qr_codes" / "tracking_qr_old.png").write_bytes(b"old")
    os.utime(project / "media" / "qr_codes" / "tracking_qr_old.png", (0, 0))
    (project / "media" / "large.bin").write_bytes(bytes(11_000_000))
    (project / "backups" / ".db_backup_20200101_000000.json.partial").write_bytes(b"x")
    os.utime(project / "backups" / ".db_backup_20200101_000000.json.partial", (0, 0))
    for backup in (project / "backups").glob("db_backup_*.json*"):
        backup.unlink()
    text = config_file.read_text()
    config_file.write_text(text.replace("limit: 500MB", "limit: 12MB").replace("limit: 50MB", "limit: 100B"))
    code, after = ask(config_file, *every)
    assert 1 == code
    turned = {name: after[name]["state"] for name in after if before[name]["state"] != after[name]["state"]}
    assert {
        "Errors in the logs?": "look",
        "Database backed up and verified?": "failed",
        "Expired QR codes removed?": "look",
        "Storage within its limits?": "look",
        "Log files small?": "look",
        "Large files?": "look",
        "Anything left behind?": "look",
        "Old logs archived?": "look",
        "Restore tried?": "failed",
    } == turned
    assert all(after[name]["command"] for name in turned)
    assert "1 in django.log" in after["Errors in the logs?"]["measured"]


def test_commands_beside_the_answers_exist(config_file: Path) -> None:
    """What a line tells to type is a command of storekeeper with options that it has."""
    _, answers = ask(config_file, *(f"--{name}" for name in LISTS))
    typed = [part.split() for answer in answers.values() for part in answer["command"].split("; ")]
    ours = [words for words in typed if words[:1] == ["storekeeper"]]
    assert ours
    for _, name, *options in ours:
        command = storekeeper.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None, name
        known = {spelling for parameter in command.params for spelling in parameter.opts}
        assert [] == [word for word in options if word.startswith("--") and word.split("=")[0] not in known]


def test_shop_that_does_not_start_is_told_on_its_lines_only(config_file: Path) -> None:
    """Questions that need the shop fail with the reason; the disks and the runs are answered."""
    project = Path(config_file.read_text().split("project: ")[1].splitlines()[0])
    (project / "manage.py").write_text("import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'nowhere'\n")
    code, answers = ask(config_file, "--daily", "--weekly")
    assert 1 == code
    assert "failed" == answers["Expired QR codes removed?"]["state"]
    assert answers["Expired QR codes removed?"]["measured"].startswith("not measured: ")
    assert "%" in answers["Disks below 80 %?"]["measured"]
    assert "media has no backup" == answers["Media backed up?"]["measured"]


def test_second_report_tells_the_growth(config_file: Path) -> None:
    """A report stays in the history, and the next one counts from it."""
    project = Path(config_file.read_text().split("project: ")[1].splitlines()[0])
    words = ["report_storage", "--json", "--config.file", str(config_file)]
    assert 0 == CliRunner().invoke(storekeeper, words[:1] + words[2:]).exit_code
    (project / "media" / "more.bin").write_bytes(bytes(5_000_000))
    told = json.loads(CliRunner().invoke(storekeeper, words, catch_exceptions=False).stdout)
    runs = CliRunner().invoke(storekeeper, ["runs", "--json", "--config.file", str(config_file)])
    newest, *_ = json.loads(runs.stdout)
    shown = CliRunner().invoke(storekeeper, ["runs", newest["id"], "--config.file", str(config_file)])
    assert "report_storage" in ACTIONS
    assert "+5.0 MB since the report before" in shown.output
    assert told["details"]["sizes"]["media"] > 5_000_000


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ERROR 2026-05-03 12:00:00,000 new\n", 1),
        ("ERROR 2026-05-01 12:00:00,000 old\n", 0),
        ("INFO 2026-05-03 12:00:00,000 new\nERROR without a time\n", 1),
        ("ERROR without a time\n", 0),
        ("WARNING 2026-05-03 12:00:00,000 new\n", 0),
        ("INFO 2026-05-03 12:00:00,000 an ERROR in words\n", 0),
        ("ERROR 2026-05-03 12:00:00,000 new\nTraceback\n  ERROR indented\nERROR 2026-05-03 12:00:01 b\n", 2),
    ],
)
def test_errors_are_counted_by_the_time_of_their_lines(tmp_path: Path, line: str, expected: int) -> None:
    """Only errors from the moment on count; a line without a time is as old as the one before it."""
    path = tmp_path / "django.log"
    path.write_text(line)
    since = dt.datetime.fromisoformat("2026-05-02T12:00:00").timestamp()
    assert expected == errors_since(path, since=since, zone=None)
    assert 0 == errors_since(tmp_path / "missing.log", since=since, zone=None)
