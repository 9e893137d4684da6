"""Random histories of logs: whatever dates lines hold and clocks tell, no line goes before its time."""

import datetime as dt
import os
import re
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storekeeper.units import Age
from tests.actions.logs.conftest import LogKeeper

BEGIN = dt.datetime(2020, 5, 20, 12, tzinfo=dt.UTC)
KEEP = Age(months=3)
LOGS = ("app.log", "web/orders.log")
FORMS = (
    "{now:%Y-%m-%d %H:%M:%S},123 INFO {id}",
    "1999-12-31 00:00:00 INFO {id}",
    "1970-01-01 00:00:00 INFO {id}",
    "2999-01-01 00:00:00 INFO {id}",
    "ValueError: time data '1999-12-31' {id}",
    "INFO invoice of 2019-03-01 {id}",
    '{{"birthday": "1980-01-02", "id": "{id}", "time": "{now:%Y-%m-%dT%H:%M:%SZ}"}}',
    "Nov  3 10:00:00 host {id}",
    "    {id}",
    "{id}",
    "{id} " + "x" * 5000,
)

WRITES = st.tuples(
    st.just("write"), st.sampled_from(LOGS), st.lists(st.sampled_from(FORMS), min_size=1, max_size=4)
)
STEPS = st.one_of(
    WRITES,
    WRITES,
    st.tuples(st.just("wait"), st.floats(min_value=0.01, max_value=130)),
    st.tuples(st.just("clock"), st.sampled_from([0.0, 0.0, -1.0, -40.0, -130.0, -500.0, -18000.0])),
    st.tuples(st.just("open"), st.sampled_from(LOGS)),
    st.tuples(st.just("close"), st.sampled_from(LOGS)),
    st.tuples(st.just("run"), st.sampled_from([{}, {}, {"now": True}, {"over_bytes": 1}])),
)


@dataclass(kw_only=True)
class History:
    """
    A shop's logs through the years: ``offset`` is how far its clock is from the true time.

    A clock that is behind shows a time before that of a run, ``known``. Where it shows a later one, logs
    alone cannot tell it from a right one: that is for the witnesses of the clock, which stop such a run.
    """

    keeper: LogKeeper
    true: dt.datetime = BEGIN
    offset: dt.timedelta = dt.timedelta()
    known: dt.datetime = BEGIN
    written: dict[str, dt.datetime] = field(default_factory=dict)
    writers: dict[str, IO[bytes]] = field(default_factory=dict)

    def perform(self, step: tuple[Any, ...]) -> None:
        """Let one thing happen."""
        what, *values = step
        if self.clock >= self.known:
            self.offset = dt.timedelta()
        getattr(self, f"do_{what}")(*values)

    def do_write(self, log: str, forms: list[str]) -> None:
        """Append lines, each with a number of its own, by who has the log open or by another."""
        path = self.keeper.folder / log
        path.parent.mkdir(exist_ok=True)
        text = ""
        for form in forms:
            number = f"#{len(self.written):05d}#"
            self.written[number] = self.true
            text += form.format(now=self.clock, id=number) + "\n"
        file = self.writers.get(log)
        if file is None:
            with path.open("ab") as opened:
                opened.write(text.encode())
        else:
            file.write(text.encode())
        self.set_times([path])

    def do_wait(self, days: float) -> None:
        """Let days pass."""
        self.true += dt.timedelta(days=days)

    def do_clock(self, offset: float) -> None:
        """Set the clock back, or right again."""
        self.offset = dt.timedelta(days=offset)

    def do_open(self, log: str) -> None:
        """Let a process have the log open from now on."""
        (self.keeper.folder / log).parent.mkdir(exist_ok=True)
        if log not in self.writers:
            self.writers[log] = (self.keeper.folder / log).open("ab", buffering=0)

    def do_close(self, log: str) -> None:
        """Let it go."""
        if log in self.writers:
            self.writers.pop(log).close()

    def do_run(self, options: dict[str, Any]) -> None:
        """Rotate; what was written gets the time of the history's clock."""
        begin = time.time() - 5
        self.keeper.now = self.clock
        self.known = max(self.known, self.clock)
        if "over_bytes" in options:
            options = {"over": "1B"}
        self.keeper.run(**options)
        new = [path for root in self.roots for path in root.rglob("*") if path.stat().st_mtime >= begin]
        self.set_times(path for path in new if path.is_file())

    @property
    def clock(self) -> dt.datetime:
        """Give what the clock says."""
        return self.true + self.offset

    @property
    def roots(self) -> tuple[Path, ...]:
        """Give the folders whose files have times."""
        return (self.keeper.folder, self.keeper.config.state)

    def set_times(self, paths: Any) -> None:
        """Set the last write of files to what the clock says."""
        for path in paths:
            os.utime(path, (self.clock.timestamp(), self.clock.timestamp()))

    def check(self) -> None:
        """Look for each line: there once when it is younger than keep, else at most once."""
        pieces = [
            piece for path in self.keeper.folder.rglob("*") if path.is_file() for piece in pieces_of(path)
        ]
        found = Counter(number.decode() for piece in pieces for number in re.findall(rb"#\d{5}#", piece))
        limit = KEEP.before(self.true)
        for number, moment in self.written.items():
            times = found[number] or is_torn(number.encode(), pieces)
            assert times == 1 or (times == 0 and moment <= limit), (number, moment, self.true)


def pieces_of(path: Path) -> list[bytes]:
    """Give a log, or the members of an archive."""
    content = path.read_bytes()
    if path.suffix != ".gz":
        return [content]
    pieces = []
    while content:
        member = zlib.decompressobj(31)
        pieces.append(member.decompress(content) + member.flush())
        content = member.unused_data
    return pieces


def is_torn(number: bytes, pieces: list[bytes]) -> bool:
    """Tell whether a cut left the beginning of a number in one piece and its end in another."""
    return any(
        any(piece.endswith(number[:cut]) for piece in pieces)
        and any(piece.startswith(number[cut:]) for piece in pieces)
        for cut in range(1, len(number))
    )


def live_through(steps: list[tuple[Any, ...]], make_logs: Callable[..., LogKeeper]) -> None:
    """Perform the steps, and look for every line after each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "state").mkdir()
        history = History(keeper=make_logs(folder=folder / "logs", state=folder / "state"))
        # The first run of all is by a clock that is right: before it there is nothing to know it by.
        for step in (("run", {}), *steps, ("clock", 0.0), ("run", {}), ("wait", 1.0), ("run", {"now": True})):
            history.perform(step)
            history.check()
        for file in history.writers.values():
            file.close()


def examples(count: int) -> settings:
    """Give the settings of a test that tries so many histories."""
    health = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, suppress_health_check=health)


WRITE = ("write", "app.log", ["{now:%Y-%m-%d %H:%M:%S},123 INFO {id}"])
RUN = ("run", {"now": True})


@examples(25)
@example(steps=[WRITE, ("clock", -130.0), RUN])
@example(steps=[WRITE, ("wait", 92.0), ("clock", -130.0), WRITE, RUN])
@example(steps=[WRITE, ("clock", -130.0), WRITE, RUN, ("clock", -1.0), WRITE, ("run", {})])
@given(steps=st.lists(STEPS, min_size=5, max_size=25))
def test_no_line_goes_that_is_younger_than_keep(
    steps: list[tuple[Any, ...]], make_logs: Callable[..., LogKeeper]
) -> None:
    """Any lines, runs on any days, clocks that are set back: a line of three months is there once."""
    live_through(steps, make_logs)


@pytest.mark.thorough
@examples(3000)
@given(steps=st.lists(STEPS, min_size=5, max_size=60))
def test_no_line_goes_in_many_histories(
    steps: list[tuple[Any, ...]], make_logs: Callable[..., LogKeeper]
) -> None:
    """The same, longer."""
    live_through(steps, make_logs)
