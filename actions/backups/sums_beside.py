"""Raw sums and schema of a database, taken beside the shop's dump in its very moment."""

from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from actions.backups.raw_sums import RawSumsProcess, SumsUnavailable, enter_moment
from actions.backups.reading import Reading
from storekeeper.backups import RawSums
from storekeeper.config import Config


class SumsBeside(AbstractContextManager["SumsBeside"]):
    """
    The work of others on the moment that the shop's Django is about to read; they begin at once.

    The backup does not depend on them: ``problem`` says why there are no sums.
    """

    def __init__(
        self,
        process: RawSumsProcess,
        *,
        reading: Reading,
        config: Config,
        alias: str,
        lock_timeout_seconds: float,
    ) -> None:
        self.problem = ""
        self._process = process
        self._ended = ExitStack()
        self._dump = None
        try:
            snapshot = enter_moment(process, reading, alias=alias, lock_timeout_seconds=lock_timeout_seconds)
            process.begin()
        except SumsUnavailable as error:
            self.problem = error.message
            return
        if snapshot:
            # Loaded where it is used: an SQLite shop waits for nothing that it does not need.
            from actions.backups.schema_dump import SchemaDump

            dump = SchemaDump(process.address, config=config, snapshot=snapshot)
            self._dump = self._ended.enter_context(dump)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.close()

    def raw(self) -> RawSums | None:
        """Return the sums, with what makes the schema where that could be had; None with a ``problem``."""
        if self.problem:
            return None
        try:
            raw = self._process.sums()
        except SumsUnavailable as error:
            self.problem = error.message
            return None
        return raw if self._dump is None else raw.model_copy(update={"ddl": self._dump.ddl(raw)})
