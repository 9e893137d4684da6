"""Clocks that a test sets, and what witnesses say."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actions.clock.check import ClockCheck
from actions.clock.machine import MachineClock
from actions.clock.signs import Kind, ServerClock, Signs, Witnesses

DAY = 86_400.0
START = 1_800_000_000.0


@dataclass
class Machine:
    """The clock of a machine, the time since its start, and the name of that start."""

    moment: float = START
    uptime: float = 5000.0
    boot: str = "first"

    def pass_by(self, seconds: float) -> None:
        """Let time pass, as it does when nobody sets the clock."""
        self.moment += seconds
        self.uptime += seconds

    def start_again(self, *, off: float = 0.0) -> None:
        """Start the machine again after it was off for so long."""
        self.moment += off
        self.uptime, self.boot = 10.0, f"{self.boot} again"

    def clock(self) -> MachineClock:
        return MachineClock(now=lambda: self.moment, uptime=lambda: self.uptime, boot=lambda: self.boot)


@dataclass
class World:
    """A state folder on a machine, and when the shop's rows and files were written."""

    state: Path
    machine: Machine = field(default_factory=Machine)
    rows: list[float] = field(default_factory=lambda: [START])
    files: list[float] = field(default_factory=lambda: [START])
    logs: list[float] = field(default_factory=list)
    backups: list[float] = field(default_factory=list)
    servers: list[float] = field(default_factory=list)
    asked: int = 0

    def process(self) -> ClockCheck:
        """Give the check of a new process."""
        return ClockCheck(self.state, machine=self.machine.clock())

    def witnesses(self, now: float) -> Witnesses:
        """Say what was written up to now."""
        self.asked += 1
        told = (
            (Kind.ROW, self.rows),
            (Kind.FILE, self.files),
            (Kind.LOG, self.logs),
            (Kind.BACKUP, self.backups),
        )
        signs = [
            Signs(kind=kind, what=f"the newest {kind}", moments=tuple(sorted(found, reverse=True)))
            for kind, moments in told
            if (found := [one for one in moments if one <= now])
        ]
        servers = [ServerClock(database="default", moment=one, ours=now) for one in self.servers]
        return Witnesses(signs=tuple(signs), servers=tuple(servers))

    def look(self, check: ClockCheck | None = None) -> tuple[str, bool]:
        """Look in a new process, or with ``check``; give the doubt, and whether the clock is proven."""
        verdict = (check or self.process()).look(self.witnesses)
        return verdict.doubt, verdict.proven

    def write(self) -> None:
        """Let the shop write a row and a file now."""
        self.rows.append(self.machine.moment)
        self.files.append(self.machine.moment)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A shop that wrote a row and a file just now, on a machine that storekeeper never ran on."""
    return World(tmp_path)


@pytest.fixture
def right(world: World) -> World:
    """The same after a run."""
    assert world.look() == ("", False)
    assert world.look() == ("", True)
    return world
