"""A clock is trusted where it goes on from a right moment, or where the shop speaks for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.actions.clock.conftest import DAY, START

AHEAD = pytest.mark.parametrize("days", [2, 40, 730, 80 * 365.25])


@AHEAD
def test_clock_ahead_in_another_process(right: Any, days: float) -> None:
    """From cron and by hand: the witnesses are named, with how far they lie back; again and again."""
    right.machine.moment += days * DAY
    for _ in range(3):
        doubt, proven = right.look()
        assert not proven
        assert "far ahead of every witness" in doubt
        old = f"{int(days)} days"
        assert f"the newest row is {old} old" in doubt
        assert f"the newest file is {old} old" in doubt
        assert f"last known to be right {old} ago" in doubt
    right.machine.moment -= days * DAY
    assert right.look() == ("", True)


@AHEAD
def test_clock_ahead_after_a_boot(right: Any, days: float) -> None:
    """A machine that starts with a wrong clock does not become its own witness, however long it runs."""
    right.machine.start_again(off=days * DAY)
    receiver = right.process()
    receiver.watch()
    for _ in range(10):
        right.machine.pass_by(60)
        assert not receiver.beat()
        assert "far ahead of every witness" in right.look(receiver)[0]
    receiver.unwatch()


@pytest.mark.parametrize("days", [730, 80 * 365.25])
@pytest.mark.parametrize("ran_days", [0, 1, 5, 200])
def test_what_is_written_by_a_wrong_clock_proves_nothing(right: Any, days: float, ran_days: int) -> None:
    """Rows and files that carry the wrong date lie behind a hole of years."""
    right.machine.start_again(off=days * DAY)
    right.write()
    for _ in range(ran_days):
        right.machine.pass_by(DAY)
        right.write()
        right.backups.append(right.machine.moment)
    doubt, _ = right.look()
    assert f"for {int(days)} days" in doubt
    assert "may carry a wrong date" in doubt


def test_hole_is_seen_without_a_record(world: Any) -> None:
    """On a machine that storekeeper never ran on, too."""
    world.machine.moment += 730 * DAY
    world.write()
    assert "nothing was written" in world.look()[0]


@AHEAD
def test_clock_that_jumps_before_a_receiver(right: Any, days: float) -> None:
    """No row and no file helps; neither does a new start, nor another process. Time that comes back does."""
    receiver = right.process()
    receiver.watch()
    right.machine.pass_by(60)
    assert receiver.beat()
    right.machine.moment += days * DAY
    right.write()
    assert f"it went ahead by {int(days)} days by itself" in right.look(receiver)[0]
    assert not receiver.beat()
    assert "by itself" in right.look()[0]
    receiver.unwatch()
    right.machine.start_again()
    assert "by itself" in right.look()[0]
    right.machine.moment -= days * DAY
    assert right.look() == ("", True)


def test_another_process_sees_another_clock_than_the_receiver(right: Any) -> None:
    """While a receiver watches the clock, who is far ahead of it is wrong, whatever the files say."""
    receiver = right.process()
    receiver.watch()
    right.machine.pass_by(60)
    assert receiver.beat()
    right.machine.moment += 3 * DAY
    right.write()
    assert "3 days ahead of the receiver" in right.look()[0]
    receiver.unwatch()
    assert right.look() == ("", False)


def test_jump_before_anything_was_right(world: Any) -> None:
    """A receiver that knows of no right moment still sees that the clock jumps."""
    receiver = world.process()
    receiver.watch()
    world.machine.moment += 3 * DAY
    world.write()
    assert "by itself" in world.look(receiver)[0]
    receiver.unwatch()


def test_operators_word(right: Any) -> None:
    """It takes every doubt away, in the receiver that runs too, and the clock goes on from it."""
    receiver = right.process()
    receiver.watch()
    right.machine.moment += 100 * DAY
    assert not receiver.beat()
    right.process().confirm(who="anna")
    assert receiver.beat()
    assert right.look(receiver) == ("", True)
    receiver.unwatch()
    right.machine.pass_by(10 * DAY)
    assert right.look() == ("", True)


def test_holiday(right: Any) -> None:
    """Three weeks without an order: a machine that runs knows how much time has passed, and asks no one."""
    right.machine.pass_by(21 * DAY)
    asked = right.asked
    assert right.look() == ("", True)
    assert right.asked == asked


def test_holiday_with_starts_of_the_machine(right: Any) -> None:
    """Daily runs carry the right moment over each new start, although nothing is written in the shop."""
    for _ in range(21):
        right.machine.start_again(off=600)
        right.machine.pass_by(DAY)
        assert right.process().beat()
    assert right.look() == ("", True)


def test_machine_that_was_off(right: Any) -> None:
    """After three weeks an operator is asked, unless the shop lives again."""
    right.machine.start_again(off=21 * DAY)
    assert "far ahead of every witness" in right.look()[0]
    right.write()
    assert right.look() == ("", False)


def test_first_run_on_a_quiet_shop(world: Any) -> None:
    """Nothing was written for weeks, and nobody knows the time: an operator is asked."""
    world.machine.pass_by(20 * DAY)
    doubt, _ = world.look()
    assert "the newest row is 20 days old, the newest file is 20 days old" in doubt


def test_logs_and_backups_are_no_witnesses_beside_rows(world: Any) -> None:
    """This machine writes them by itself; alone they count, for a shop may have nothing else."""
    world.machine.pass_by(20 * DAY)
    world.logs, world.backups = [world.machine.moment], [world.machine.moment]
    assert world.look()[0]
    world.rows, world.files = [], []
    assert world.look() == ("", False)


def test_without_any_witness(world: Any) -> None:
    """Nobody speaks for the clock."""
    world.rows, world.files = [], []
    assert "there is none" in world.look()[0]


@pytest.mark.parametrize(("hours", "trusted"), [(35, True), (37, False)])
def test_edge_of_what_is_allowed(right: Any, hours: int, trusted: bool) -> None:
    """A day and a half: a daily run that is late is no doubt, two days are."""
    right.machine.start_again(off=hours * 3600)
    assert right.process().beat() == trusted


@pytest.mark.parametrize(("hours", "trusted"), [(-35, True), (-37, False)])
def test_clock_behind(right: Any, hours: int, trusted: bool) -> None:
    """A clock far before the last right moment is wrong, or that moment was."""
    right.machine.moment += hours * 3600
    doubt, _ = right.look()
    assert (doubt == "") == trusted
    assert trusted or "before the last moment at which it was right" in doubt


@pytest.mark.parametrize("days", [-3, 3])
def test_database_server_on_another_host(world: Any, days: int) -> None:
    """Its clock is another one: where the two are far apart nothing is old, whatever the files say."""
    world.servers = [START]
    assert world.look() == ("", False)
    world.machine.start_again(off=days * DAY)
    world.write()
    (world.state / "clock.json").unlink()
    side = "ahead of" if days > 0 else "behind"
    assert f"3 days {side} the clock of the server of database default" in world.look()[0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"moment": "x"}', '{"moment": 1, "uptime": 2}'])
def test_record_that_cannot_be_read_is_none(right: Any, text: str) -> None:
    """A damaged file opens no door: the witnesses are asked."""
    (right.state / "clock.json").write_text(text)
    right.machine.pass_by(20 * DAY)
    assert "far ahead" in right.look()[0]


def test_dry_look_writes_nothing(world: Any, tmp_path: Path) -> None:
    """A dry run leaves no record."""
    assert world.process().look(world.witnesses, keep=False).doubt == ""
    assert list(tmp_path.iterdir()) == []


def test_record_is_private(right: Any) -> None:
    """It holds who gave a word for the clock, and only its owner may change it."""
    path = right.state / "clock.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["moment"] == START
