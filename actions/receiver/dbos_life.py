"""DBOS, begun and ended: a global of the process, imported when it is begun since that takes a second."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import Engine

QUEUE: Final = "runs"
MOST_AT_ONCE: Final = 2
# Emergencies wait for no thread; there are not many more of them than resources.
EMERGENCY_QUEUE: Final = "emergencies"
MOST_EMERGENCIES_AT_ONCE: Final = 8
RECOVERY_ATTEMPTS: Final = 3
POLL_SECONDS: Final = 0.5


def begin(path: Path, sql: "Engine", *, version: str, run: Callable[[str, int], None]) -> Any:
    """Begin DBOS on the file, interrupted workflows first; return the workflow that carries out a run."""
    from dbos import DBOS, DBOSPortableJSONSerializer

    DBOS(
        config={
            "name": "storekeeper",
            "system_database_url": f"sqlite:///{path}",
            "system_database_engine": sql,
            "application_version": version,
            "executor_id": "storekeeper",
            "log_level": "WARNING",
            "enable_otlp": False,
            # Nothing in the file can become code when it is read.
            "serializer": DBOSPortableJSONSerializer(),
        }
    )
    # Its warnings go where ours go, not to a console of its own.
    dbos_logger = logging.getLogger("dbos")
    dbos_logger.handlers.clear()
    dbos_logger.propagate = True
    workflow = DBOS.workflow(name="run", max_recovery_attempts=RECOVERY_ATTEMPTS)(run)
    DBOS.launch()
    for queue, most in ((QUEUE, MOST_AT_ONCE), (EMERGENCY_QUEUE, MOST_EMERGENCIES_AT_ONCE)):
        DBOS.register_queue(
            queue,
            worker_concurrency=most,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )
    return workflow


def end(*, seconds: int) -> None:
    """End DBOS, begun or half begun; what is being done has so long to end."""
    from dbos import DBOS

    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=seconds)
