"""The crontab: the guide's three lines to the letter, and commands that manage.py has."""

import re
from pathlib import Path

from croniter import croniter

from actions.schedules import DEFAULTS
from storekeeper.management import commands

TEXT = (Path(__file__).resolve().parents[2] / "deploy" / "cron" / "storekeeper").read_text("utf-8")
JOBS = [line for line in TEXT.splitlines() if re.match(r"[\d*]", line)]
GUIDE = (
    "0 2 * * 0 cd /path/to/project && python manage.py cleanup_expired_qr_codes --days=7",
    "0 3 * * * cd /path/to/project && python manage.py backup_database --compress",
    "0 9 1 * * cd /path/to/project && python manage.py storage_info >> logs/storage_check.log",
)


def test_the_guides_lines_stand_in_it() -> None:
    """A person who knows the guide finds its lines as they are."""
    assert [line for line in GUIDE if line not in JOBS] == []


def test_every_line_is_a_job_of_ours_at_the_receivers_time() -> None:
    """Each job has a valid time and runs a management command that exists; both calendars agree."""
    for job in JOBS:
        *when, command = job.split(maxsplit=5)
        (name,) = re.findall(r"python manage\.py (\w+)", command)
        assert croniter.is_valid(" ".join(when))
        assert (Path(commands.__file__).parent / f"{name}.py").is_file()
        assert DEFAULTS.get(name, " ".join(when)) == " ".join(when)


def test_a_job_cannot_be_cut_by_a_percent_sign() -> None:
    """cron ends a command at the first percent sign; there is none. The file ends with a newline."""
    assert [job for job in JOBS if "%" in job] == []
    assert TEXT.endswith("\n")
