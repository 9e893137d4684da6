"""A program that may take hours, beside which other work goes on."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from storekeeper import processes
from storekeeper.errors import BackupRefused, ProcessFailed

# A program that needs longer than this is not coming.
LONGEST_SECONDS = 6 * 3600.0
_LOOK_SECONDS = 0.2


class LongProgram(AbstractContextManager["LongProgram"]):
    """
    A running program whose output is thrown away; it is ended when it is left before its end.

    ``failed`` makes the error of its exit code and of its words on standard error.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        cancelled: Callable[[], bool],
        failed: Callable[[int, str], Exception],
    ) -> None:
        self._name = str(arguments[0])
        self._cancelled = cancelled
        self._failed = failed
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the program is left
        try:
            self._process = processes.start(
                arguments,
                environment=environment,
                output=subprocess.DEVNULL,
                errors=self._errors,
                own_group=True,
            )
        except BaseException:
            self._errors.close()
            raise
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        processes.stop(self._process)
        self._errors.close()

    def check(self) -> None:
        """Raise what ``wait`` would raise by now; called between two pieces of other work."""
        code = self._process.poll()
        if code:
            self._errors.seek(0)
            raise self._failed(code, processes.last_words(self._errors.read()))
        if code is None and self._cancelled():
            raise BackupRefused("cancelled; no file was made")
        if code is None and time.monotonic() - self._started > LONGEST_SECONDS:
            raise ProcessFailed(f"{self._name} did not end in time")

    def wait(self) -> None:
        """Wait for its end; raises BackupRefused when cancelled, ProcessFailed or what ``failed`` makes."""
        while True:
            try:
                self._process.wait(timeout=_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                self.check()
            else:
                self.check()
                return
