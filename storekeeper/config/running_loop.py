"""
The Prometheus and the Alertmanager that ``storekeeper up`` runs for a config, in place of the keys it lacks.

While they run, their addresses stand in ``loop.json`` in the config's state folder, with the process that
runs them: what it leaves behind when it is killed counts for nothing.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psutil
from pydantic import ValidationError

from storekeeper.config.fields import Model
from storekeeper.config.model import Config
from storekeeper.config.services import Service
from storekeeper.processes import lives

FILE_NAME: Final = "loop.json"


class RunningLoop(Model):
    """What the file holds."""

    process: int
    process_started: float
    prometheus: Service
    alertmanager: Service


@contextmanager
def announced(config: Config, *, prometheus: str, alertmanager: str) -> Iterator[None]:
    """Announce these addresses, for commands and services with this config, while the block lasts."""
    path = config.state / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    process = psutil.Process()
    told = {
        "process": process.pid,
        "process_started": process.create_time(),
        "prometheus": {"url": prometheus},
        "alertmanager": {"url": alertmanager},
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(told), "utf-8")
    partial.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def with_running_loop(config: Config) -> Config:
    """Give the config with the addresses of a running loop in place of those that it does not name."""
    if config.prometheus is not None and config.alertmanager is not None:
        return config
    try:
        loop = RunningLoop.model_validate_json((config.state / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        # None runs, or we may not know of it.
        return config
    if not lives(loop.process, started=loop.process_started):
        return config
    return config.model_copy(
        update={
            "prometheus": config.prometheus or loop.prometheus,
            "alertmanager": config.alertmanager or loop.alertmanager,
        }
    )
