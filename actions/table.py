"""Every action by its name: the command line, management commands, playbooks and the receiver read this."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from actions.action import Action
from actions.backup_database import BackupDatabase
from actions.backup_media import BackupMedia
from actions.cleanup_expired_qr_codes import CleanupExpiredQrCodes
from actions.cleanup_orphaned_media import CleanupOrphanedMedia
from actions.copy_backups_offsite import CopyBackupsOffsite
from actions.find_large_files import FindLargeFiles
from actions.optimize_database import OptimizeDatabase
from actions.optimize_images import OptimizeImages
from actions.prune_backups import PruneBackups
from actions.restore_backup import RestoreBackup
from actions.rotate_logs import RotateLogs
from actions.verify_backup import VerifyBackup

ACTIONS: Final[Mapping[str, Action[Any, Any]]] = MappingProxyType(
    {
        action.name: action
        for action in (
            BackupDatabase(),
            BackupMedia(),
            CleanupExpiredQrCodes(),
            CleanupOrphanedMedia(),
            CopyBackupsOffsite(),
            FindLargeFiles(),
            OptimizeDatabase(),
            OptimizeImages(),
            PruneBackups(),
            RestoreBackup(),
            RotateLogs(),
            VerifyBackup(),
        )
    }
)
