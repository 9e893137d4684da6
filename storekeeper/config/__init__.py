"""The config: ``storekeeper.yml`` read, checked as a whole and handed on as frozen values."""

from storekeeper.config.load import load_config, parse_config
from storekeeper.config.model import (
    Area,
    Backups,
    Config,
    DatabaseSource,
    Logs,
    Playbook,
    QrCodes,
    Receiver,
    Step,
)
from storekeeper.config.retention import Retention

__all__ = [
    "Area",
    "Backups",
    "Config",
    "DatabaseSource",
    "Logs",
    "Playbook",
    "QrCodes",
    "Receiver",
    "Retention",
    "Step",
    "load_config",
    "parse_config",
]
