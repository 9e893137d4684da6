"""Which archives are storekeeper's own, and when they are past their time."""

import datetime as dt
import gzip
import os
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.action import Outcome
from actions.ledger.file import LedgerFile
from actions.ledger.ledger import Ledger
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, StepState, Trigger
from actions.logs.member import Mark, MemberWriter, read_marks
from actions.rotate_logs import RotateLogs
from storekeeper.measure.log_records import read_records
from tests.actions.logs.conftest import NOW

LATER = dt.datetime(2040, 1, 1, 1, tzinfo=dt.UTC)
OLD = "django_2025_01.log.gz"


def expired(keeper: Any) -> list[str]:
    """Give the names of the archives that a run would remove."""
    return [file.name for _, file in keeper.plan().expired]


def reason(keeper: Any, name: str) -> str:
    """Give why a file stays."""
    return next(left.why for left in keeper.plan().left if left.name == name)


@given(parts=st.lists(st.binary(max_size=5000), min_size=1, max_size=4), archive=st.text(max_size=50))
def test_members_are_gzip_and_bear_their_marks(parts: list[bytes], archive: str) -> None:
    """Any program unpacks them one after the other; each mark is read back without unpacking."""
    stream = BytesIO()
    mark = Mark(shop="test", archive=archive, later=(1, 2))
    for part in parts:
        member = MemberWriter(stream, mark=mark)
        member.write(part)
        member.close()
    content = stream.getvalue()
    assert b"".join(parts) == gzip.decompress(content)
    assert (mark,) * len(parts) == read_marks(stream, size_bytes=len(content))


@given(
    content=st.binary(max_size=100)
    | st.binary(max_size=60).map(lambda rest: b"\x1f\x8b\x08\x04" + b"\0" * 6 + rest)
)
def test_anything_else_has_no_marks(content: bytes) -> None:
    """Whatever a file holds that storekeeper did not write, there is an answer."""
    assert read_marks(BytesIO(content), size_bytes=len(content)) is None


def test_gunzip_takes_an_archive(make_logs: Callable[..., Any]) -> None:
    """The system's own program unpacks what several rotations wrote."""
    keeper = make_logs()
    for word in ("one", "two"):
        keeper.write("django.log", word)
        keeper.run(now=True)
    told = subprocess.run(
        ["gzip", "-dc", keeper.folder / "django_2025_11.log.gz"], capture_output=True, text=True, check=True
    )
    assert ["one", "two"] == [line.split()[-1] for line in told.stdout.splitlines()]


@pytest.mark.parametrize(
    "content",
    [b"", b"packed", gzip.compress(b"mine"), gzip.compress(b"")],
    ids=["empty", "text", "packed", "packed empty"],
)
def test_an_archive_that_somebody_else_made_stays(content: bytes, make_logs: Callable[..., Any]) -> None:
    """It has the name of an archive and is long past its time; it is listed, and nothing removes it."""
    keeper = make_logs()
    (keeper.folder / OLD).write_bytes(content)
    keeper.date(OLD, "2025-01-31")
    assert [] == expired(keeper)
    assert "not known to be made by storekeeper" in reason(keeper, OLD)
    keeper.run()
    assert content == (keeper.folder / OLD).read_bytes()


@pytest.mark.parametrize(
    ("name", "shop"),
    [("copy_2025_01.log.gz", "test"), ("kept/django_2025_01.log.gz", "test"), (OLD, "another")],
)
def test_a_copy_of_an_archive_stays(name: str, shop: str, make_logs: Callable[..., Any]) -> None:
    """Under another name, in another folder or of another shop it is not the one that storekeeper made."""
    keeper = make_logs()
    original = keeper.make_archive(OLD, day="2025-01-31", shop=shop)
    (keeper.folder / "kept").mkdir()
    if name != OLD:
        shutil.copy2(original, keeper.folder / name)
        original.unlink()
    assert [] == expired(keeper)


@pytest.mark.parametrize(
    "change", [b"\0", gzip.compress(b"mine too"), b"x" * 70_000], ids=["zero", "packed", "much"]
)
def test_an_archive_to_which_somebody_added_stays(change: bytes, make_logs: Callable[..., Any]) -> None:
    """What was added is nobody else's copy."""
    keeper = make_logs()
    with keeper.make_archive(OLD, day="2025-01-31").open("ab") as archive:
        archive.write(change)
    keeper.date(OLD, "2025-01-31")
    assert [] == expired(keeper)


def test_an_archive_that_is_not_whole_stays(make_logs: Callable[..., Any]) -> None:
    """Its end is missing, so it is not what storekeeper wrote."""
    keeper = make_logs()
    path = keeper.make_archive(OLD, content=os.urandom(1000), day="2025-01-31")
    for length in (path.stat().st_size - 1, 40, 13):
        os.truncate(path, length)
        keeper.date(OLD, "2025-01-31")
        assert [] == expired(keeper)


def test_an_archive_that_is_written_again_after_the_plan_stays(make_logs: Callable[..., Any]) -> None:
    """The look before the removal is at the very file that was planned."""
    keeper = make_logs()
    path = keeper.make_archive(OLD, day="2025-01-31")
    assert [OLD] == expired(keeper)
    plan = keeper.plan()
    os.utime(path)
    action: Any = RotateLogs(patience_seconds=0)
    outcome = action.perform(keeper.context(), action.Options(), plan)
    assert path.exists()
    assert "has changed meanwhile" in outcome.summary


def test_an_archive_is_as_young_as_its_last_write(make_logs: Callable[..., Any]) -> None:
    """The name says January; lines came to it in November, so it stays until three months after that."""
    keeper = make_logs()
    keeper.make_archive(OLD, day="2025-11-30")
    for days, gone in ((0, []), (89, []), (92, [OLD])):
        keeper.now = NOW + dt.timedelta(days=days)
        assert gone == expired(keeper)


def test_an_archive_is_as_young_as_its_name(make_logs: Callable[..., Any]) -> None:
    """A copy that came back with an old time is still of the month in its name."""
    keeper = make_logs()
    keeper.make_archive("django_2025_11.log.gz", day="2020-01-01")
    assert [] == expired(keeper)


def test_lines_archived_while_the_clock_was_behind_stay(make_logs: Callable[..., Any]) -> None:
    """The clock said 2020 when they were archived, and files of 2025 stood beside the log."""
    keeper = make_logs()
    keeper.write("other.log", "one", day="2025-11-30")
    keeper.write("django.log", "two", day="2020-01-05")
    keeper.now = dt.datetime(2020, 2, 1, tzinfo=dt.UTC)
    keeper.run()
    keeper.date("django_2020_01.log.gz", "2020-02-01")
    keeper.now = NOW
    assert [] == expired(keeper)
    # From the first run by a right clock on it is known how old they are at most.
    keeper.now = NOW + dt.timedelta(days=92)
    assert [] == expired(keeper)
    keeper.now = NOW
    keeper.run()
    keeper.now = NOW + dt.timedelta(days=92)
    assert ["django_2020_01.log.gz"] == expired(keeper)


def test_such_lines_stay_while_the_clock_is_behind_still(make_logs: Callable[..., Any]) -> None:
    """It was set back by years, then nearly right again: a run that lies ahead says that it is not yet."""
    keeper = make_logs()
    keeper.run()
    keeper.now = dt.datetime(2020, 2, 1, tzinfo=dt.UTC)
    keeper.write("django.log", "two", day="2020-01-05")
    keeper.run()
    keeper.date("django_2020_01.log.gz", "2020-02-01")
    keeper.now = NOW - dt.timedelta(days=2)
    assert [] == expired(keeper)


def test_a_run_by_a_clock_in_doubt_is_no_witness(make_logs: Callable[..., Any]) -> None:
    """A rotation by a clock of 2060 holds no archive of today back until then."""
    keeper = make_logs()
    keeper.run()
    keeper.now, keeper.doubt = dt.datetime(2060, 1, 1, tzinfo=dt.UTC), "it is far ahead"
    keeper.run()
    keeper.now, keeper.doubt = NOW, ""
    assert (int(NOW.timestamp()),) == read_records(keeper.config.state).runs
    keeper.now = LATER
    keeper.run()
    assert (int(NOW.timestamp()), int(LATER.timestamp())) == read_records(keeper.config.state).runs


def test_a_file_of_the_far_future_keeps_no_archive_for_ever(make_logs: Callable[..., Any]) -> None:
    """A single wrong time among the files is no reason to keep archives until then."""
    keeper = make_logs()
    keeper.write("strange.log", "one", day="2199-01-01")
    keeper.write("django.log", "two", day="2025-11-30")
    keeper.run()
    keeper.date("django_2025_11.log.gz", "2025-12-01")
    keeper.now = NOW + dt.timedelta(days=130)
    assert ["django_2025_11.log.gz"] == expired(keeper)


def test_a_name_that_somebody_else_took_is_left_to_him(make_logs: Callable[..., Any]) -> None:
    """The log's lines go to the next name, the file that was there stays as it is."""
    keeper = make_logs()
    theirs = keeper.folder / "django_2025_11.log.gz"
    theirs.write_bytes(b"mine")
    for word in ("one", "two"):
        keeper.write("django.log", word)
        outcome = keeper.run(now=True)
    assert b"mine" == theirs.read_bytes()
    assert {"django_2025_11.part2.log.gz"} == {path.name for path in outcome.created}
    assert ["one", "two"] == [
        line.split()[-1] for line in keeper.unpack("django_2025_11.part2.log.gz").splitlines()
    ]
    keeper.date("django_2025_11.part2.log.gz", "2025-12-01")
    keeper.now = LATER
    keeper.run()
    keeper.now = LATER + dt.timedelta(days=130)
    assert ["django_2025_11.part2.log.gz"] == expired(keeper)


@pytest.mark.parametrize(("day", "gone"), [("2025-02-01", [OLD]), ("2025-02-02", []), ("2025-01-01", [])])
def test_archives_without_a_mark_are_known_by_the_history(
    day: str, gone: list[str], make_logs: Callable[..., Any]
) -> None:
    """One that a run noted and wrote is storekeeper's own; one that was written at another time is not."""
    keeper = make_logs()
    moments = iter(dt.datetime(2025, 2, 1, 9 + 3 * (turn > 2), tzinfo=dt.UTC) for turn in range(99))
    ledger = Ledger(LedgerFile(keeper.config.state), now=lambda: next(moments))
    run = ledger.begin_by_hand(
        NewRun(trigger=Trigger.COMMAND_LINE, who="anna", steps=[NewStep(action="rotate_logs", options={})])
    )
    ledger.begin_step(run, 0)
    done = {"area": "logs", "archive": OLD, "cut_bytes": 7}
    nothing = {"area": "logs", "archive": "other_2025_01.log.gz", "cut_bytes": 0}
    outcome = Outcome(summary="", details={"rotated": [done, nothing]})
    ledger.end_step(run, 0, state=StepState.DONE, outcome=outcome)
    ledger.end_run(run, state=RunState.DONE)
    ledger.file.close()
    for name in (OLD, "other_2025_01.log.gz"):
        (keeper.folder / name).write_bytes(gzip.compress(b"old"))
        keeper.date(name, day)
    assert gone == expired(keeper)


def test_no_line_is_filed_under_a_time_before_the_last_archive(make_logs: Callable[..., Any]) -> None:
    """What was there before the last rotation has been archived, whatever the stamps of the lines say."""
    for archived, month in (("2025-10-01", "2025_10"), ("2025-10-31", "2025_11")):
        keeper = make_logs()
        keeper.make_archive("django_2025_09.log.gz", day=archived)
        keeper.write("django.log", "one", day="2025-10-05")
        keeper.date("django.log", "2025-11-10")
        outcome = keeper.run(now=True)
        assert [f"django_{month}.log.gz"] == [one.name for one in outcome.created]
        for name in keeper.names():
            (keeper.folder / name).unlink()
