"""Show the running loop: a live table on a terminal, a line for each event elsewhere."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from storekeeper.stack.events import events_between
from storekeeper.stack.observe import Observation

_BAR_CELLS = 30
# The colours of the dashboards: from this ratio on, this colour.
_COLOURS = ((0.95, "red"), (0.90, "dark_orange"), (0.80, "yellow"), (0.0, "green"))


class Display(AbstractContextManager["Display"]):
    """Call ``show`` with each look; ``say`` prints a line of our own. Seconds count from the start."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._console = Console(highlight=False, markup=False)
        self._live = Live(console=self._console, auto_refresh=False) if sys.stdout.isatty() else None
        self._last = Observation()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def say(self, line: str) -> None:
        """Print a line with the seconds since the start."""
        self._console.print(f"{self.seconds():7.1f}s  {line}", soft_wrap=True)

    def seconds(self) -> float:
        """Give the seconds since the start."""
        return self._clock() - self._start

    def show(self, observation: Observation) -> None:
        """Print what is new and draw the table afresh."""
        for line in events_between(self._last, observation):
            self.say(line)
        self._last = observation
        if self._live:
            self._live.update(
                Group(_usage_table(observation), Text("Ctrl-C ends it", style="dim")), refresh=True
            )

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()


def _usage_table(observation: Observation) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("resource", "", "full", "", "alert"):
        table.add_column(heading, justify="right" if heading == "full" else "left")
    alerts = {alert.resource: f"{alert.name} {alert.state}" for alert in observation.alerts if alert.resource}
    for usage in observation.usage:
        colour = next(colour for bound, colour in _COLOURS if usage.ratio >= bound)
        filled = min(_BAR_CELLS, round(usage.ratio * _BAR_CELLS))
        bar = Text("█" * filled, style=colour) + Text("░" * (_BAR_CELLS - filled), style="dim")
        alert = alerts.get(usage.resource, "")
        thing = "" if usage.thing == usage.resource else usage.thing
        table.add_row(usage.resource, thing, f"{usage.ratio:.0%}", bar, alert)
    return table
