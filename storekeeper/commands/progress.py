"""Show how far a run has come: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from actions.action import Progress as Report
from storekeeper.commands.common import console, printable
from storekeeper.units import format_size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Often enough to see that something happens, seldom enough to be kept in a log.
LINE_SECONDS = 10.0


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """Call it with each report. Everything goes to standard error; standard output is for the result."""

    def __init__(self, title: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = clock()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[freed]}"),
                console=console(errors=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=None, freed="")
        return self

    def __call__(self, report: Report) -> None:
        freed = f"{format_size(report.freed_bytes)} freed" if report.freed_bytes else ""
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=report.done, total=report.total, freed=freed)
            if report.note:
                self._bar.console.print(printable(report.note))
        elif report.note:
            click.echo(printable(report.note), err=True)
        elif self._clock() - self._last_line >= LINE_SECONDS:
            self._last_line = self._clock()
            total = f" of {report.total}" if report.total is not None else ""
            click.echo(f"{self._title}: {report.done}{total} {report.unit} {freed}".rstrip(), err=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the bar away while the block talks to the operator."""
        if self._bar:
            self._bar.stop()
        try:
            yield
        finally:
            if self._bar:
                self._bar.start()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()
