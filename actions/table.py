"""Every action by its name: the command line, management commands, playbooks and the receiver read this."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from actions.action import Action


class ActionTable(Mapping[str, Action[Any, Any]]):
    """
    Actions by their names, from a table of the modules and classes that they are in.

    An action is loaded when it is asked for: who runs one need not wait for the libraries of all.
    """

    def __init__(self, classes: Mapping[str, tuple[str, str]]) -> None:
        self._classes = classes
        self._loaded: dict[str, Action[Any, Any]] = {}

    def __getitem__(self, name: str) -> Action[Any, Any]:
        if name not in self._loaded:
            module, class_name = self._classes[name]
            self._loaded[name] = getattr(import_module(module), class_name)()
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


ACTIONS: Final[Mapping[str, Action[Any, Any]]] = ActionTable(
    MappingProxyType(
        {
            "backup_database": ("actions.backup_database", "BackupDatabase"),
            "backup_media": ("actions.backup_media", "BackupMedia"),
            "cleanup_expired_qr_codes": ("actions.cleanup_expired_qr_codes", "CleanupExpiredQrCodes"),
            "cleanup_orphaned_media": ("actions.cleanup_orphaned_media", "CleanupOrphanedMedia"),
            "copy_backups_offsite": ("actions.copy_backups_offsite", "CopyBackupsOffsite"),
            "drill": ("actions.drill", "Drill"),
            "find_large_files": ("actions.find_large_files", "FindLargeFiles"),
            "optimize_database": ("actions.optimize_database", "OptimizeDatabase"),
            "optimize_images": ("actions.optimize_images", "OptimizeImages"),
            "prune_backups": ("actions.prune_backups", "PruneBackups"),
            "report_storage": ("actions.report_storage", "ReportStorage"),
            "restore_backup": ("actions.restore_backup", "RestoreBackup"),
            "rotate_logs": ("actions.rotate_logs", "RotateLogs"),
            "verify_backup": ("actions.verify_backup", "VerifyBackup"),
        }
    )
)
