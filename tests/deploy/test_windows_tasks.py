"""The tasks for Windows' Task Scheduler, and that its files have the bytes that Windows wants."""

import datetime as dt
from pathlib import Path
from xml.etree import ElementTree

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "windows"
NAMESPACE = {"task": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
# Name → time of day, and what stands in the schedule: every day, Sundays, the first of each month.
GUIDE = {
    "cleanup_expired_qr_codes": ("02:00:00", "ScheduleByWeek", ["WeeksInterval=1", "Sunday="]),
    "backup_database": ("03:00:00", "ScheduleByDay", ["DaysInterval=1"]),
    "check_storage": ("09:00:00", "ScheduleByMonth", ["Day=1"]),
}
COMMANDS = {
    "cleanup_expired_qr_codes": "cleanup_expired_qr_codes --days=7",
    "backup_database": "backup_database --compress",
    "check_storage": "storage_info",
}


def leaves(element: ElementTree.Element) -> list[str]:
    """Give NAME=TEXT of each element below that holds no other, without the months."""
    return [
        f"{one.tag.rpartition('}')[2]}={one.text or ''}"
        for one in element.iter()
        if not len(one) and one not in element.findall("task:Months/*", NAMESPACE)
    ]


@pytest.mark.parametrize("name", GUIDE)
def test_task_runs_the_script_at_the_guides_time(name: str) -> None:
    """One calendar trigger with the guide's time and days starts the script of that name."""
    root = ElementTree.fromstring((FOLDER / f"{name}.xml").read_bytes())
    time, kind, expected = GUIDE[name]
    (trigger,) = root.findall("task:Triggers/task:CalendarTrigger", NAMESPACE)
    start = trigger.findtext("task:StartBoundary", namespaces=NAMESPACE) or ""
    schedule = trigger.find(f"task:{kind}", NAMESPACE)
    assert schedule is not None
    assert (start.partition("T")[2], leaves(schedule)) == (time, expected)
    assert len(schedule.findall("task:Months/*", NAMESPACE)) in (0, 12)
    arguments = root.findtext("task:Actions/task:Exec/task:Arguments", namespaces=NAMESPACE) or ""
    assert f"{name}.bat" in arguments


def test_the_weekly_task_begins_on_a_sunday() -> None:
    """The start of a weekly task falls on the day it names, so that no week is lost."""
    root = ElementTree.fromstring((FOLDER / "cleanup_expired_qr_codes.xml").read_bytes())
    start = root.findtext("task:Triggers/task:CalendarTrigger/task:StartBoundary", namespaces=NAMESPACE)
    assert dt.datetime.fromisoformat(start or "").strftime("%A") == "Sunday"


@pytest.mark.parametrize("name", COMMANDS)
def test_scripts_have_windows_line_ends_and_call_the_guides_command(name: str) -> None:
    """Every line ends with CRLF, there is no byte beyond ASCII, and the command is the guide's."""
    data = (FOLDER / f"{name}.bat").read_bytes()
    assert data.isascii()
    assert data.count(b"\r\n") == data.count(b"\n")
    assert f'"%python%" manage.py {COMMANDS[name]} %*' in data.decode("ascii").split("\r\n")


@pytest.mark.parametrize("name", GUIDE)
def test_tasks_are_in_the_encoding_that_they_declare(name: str) -> None:
    """UTF-16 with its mark, as the scheduler itself exports them."""
    data = (FOLDER / f"{name}.xml").read_bytes()
    assert data.startswith(b"\xff\xfe")
    assert 'encoding="UTF-16"' in data.decode("utf-16").splitlines()[0]
