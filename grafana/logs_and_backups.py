"""What do the logs say and weigh, and could the shop be restored today?"""

from typing import Final

from expressions import increase, latest, select
from frame import Dashboard, Row, Variable
from panels import NEVER, USAGE, Bars, Column, Lines, Query, Stat, Table
from recovery import RECOVERY_ROW

DAY: Final = 86400
HOUR: Final = 3600

LAST_SUCCESS: Final = "storekeeper_backup_last_success_timestamp_seconds"
LAST_VERIFIED: Final = "storekeeper_backup_last_verified_timestamp_seconds"

KIND: Final = ("kind",)
KIND_LEGEND: Final = "{{kind}} ({{shop}} {{instance}})"
FILE: Final = 'file=~"$file"'
LOGS: Final = 'area="logs"'
BACKUPS: Final = 'area="backups"'


def _age(metric: str, *matchers: str) -> str:
    return f"time() - {latest(metric, *matchers, by=KIND)}"


BACKUP_ROW: Final = Row(
    title="Backups",
    panels=(
        Stat(
            title="Age of the newest backup",
            description=(
                "How long ago the newest complete backup was made, read from the files. The alert starts at "
                "26 hours for the database and at 8 days for media."
            ),
            queries=(
                Query(
                    expression=_age(LAST_SUCCESS, 'kind="database"'),
                    legend=KIND_LEGEND,
                    steps=((None, "green"), (26 * HOUR, "red")),
                ),
                Query(
                    expression=_age(LAST_SUCCESS, 'kind!="database"'),
                    legend=KIND_LEGEND,
                    steps=((None, "green"), (8 * DAY, "red")),
                ),
            ),
            unit="s",
            decimals=1,
            width=6,
            height=6,
            runbooks=("BackupTooOld",),
            empty="no backup",
        ),
        Stat(
            title="Age of the newest verified backup",
            description=(
                "How long ago the newest backup was made that was also restored into a scratch place and "
                "compared. Only such a backup counts. The alert starts at 8 days."
            ),
            queries=(
                Query(
                    expression=_age(LAST_VERIFIED),
                    legend=KIND_LEGEND,
                ),
            ),
            unit="s",
            decimals=1,
            steps=((None, "green"), (8 * DAY, "red")),
            width=6,
            height=6,
            runbooks=("BackupNotVerified",),
            empty="none was verified",
        ),
        Table(
            title="Backups in figures",
            description="Complete backups of each kind that are on disk, and the times of the newest ones.",
            labels={"kind": "Kind", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="Backups",
                    expression=latest("storekeeper_backups", by=KIND),
                    unit="locale",
                    steps=((None, "red"), (1, "green")),
                ),
                Column(
                    title="Failed",
                    expression=latest("storekeeper_backups_failed", by=KIND),
                    unit="locale",
                    steps=((None, "green"), (1, "red")),
                ),
                Column(
                    title="Size",
                    expression=latest("storekeeper_backup_size_bytes", by=KIND),
                    unit="decbytes",
                    decimals=1,
                ),
                Column(
                    title="Newest",
                    expression=f"{latest(LAST_SUCCESS, by=KIND)} * 1000",
                    unit="dateTimeAsIso",
                    meanings=(NEVER,),
                ),
                Column(
                    title="Newest verified",
                    expression=f"{latest(LAST_VERIFIED, by=KIND)} * 1000",
                    unit="dateTimeAsIso",
                    meanings=(NEVER,),
                ),
            ),
            sort_by="Kind",
            largest_first=False,
            width=12,
            height=6,
        ),
        Lines(
            title="Backups kept",
            description=(
                "Number of backups of each kind. It stays level once retention removes as many as are made."
            ),
            queries=(Query(expression=latest("storekeeper_backups", by=KIND), legend=KIND_LEGEND),),
            unit="locale",
            width=12,
        ),
        Lines(
            title="Size of the backups",
            description=(
                "Size of each kind of backup, and of the whole backup folder. A sudden fall means that data "
                "is missing in it."
            ),
            queries=(
                Query(expression=latest("storekeeper_backup_size_bytes", by=KIND), legend=KIND_LEGEND),
                Query(
                    expression=latest("storekeeper_area_size_bytes", BACKUPS),
                    legend="folder ({{shop}} {{instance}})",
                ),
            ),
            unit="decbytes",
            decimals=1,
            width=12,
        ),
    ),
)

LOG_ROW: Final = Row(
    title="Logs",
    panels=(
        Bars(
            title="Logs against their limit",
            description="Size of the log folder as a share of its limit in storekeeper.yml.",
            queries=(
                Query(
                    expression=latest("storekeeper:usage:ratio", 'resource="logs"'),
                    legend="{{shop}} {{instance}}",
                ),
            ),
            unit="percentunit",
            decimals=1,
            steps=USAGE,
            maximum=1,
            width=6,
            runbooks=("StorageUsageWarning", "StorageUsageCritical", "StorageUsageEmergency"),
            empty="no limit is set",
        ),
        Lines(
            title="Size of the logs",
            description="Size of the log folder. Each rotation takes it down.",
            queries=(
                Query(expression=latest("storekeeper_area_size_bytes", LOGS), legend="{{shop}} {{instance}}"),
            ),
            unit="decbytes",
            decimals=1,
            width=9,
        ),
        Bars(
            title="Age of the oldest line",
            description=(
                "Age of the first line in each log file, and for how long the log has been due for rotation; "
                "the alert starts four days after that."
            ),
            queries=(
                Query(
                    expression="time() - "
                    + latest("storekeeper_log_oldest_line_timestamp_seconds", FILE, by=("file",)),
                    legend="{{file}} ({{shop}} {{instance}})",
                ),
                Query(
                    expression="time() - "
                    + latest("storekeeper_log_rotation_due_timestamp_seconds", FILE, by=("file",)),
                    legend="{{file}} due ({{instance}})",
                ),
            ),
            unit="s",
            decimals=1,
            steps=((None, "green"), (35 * DAY, "yellow")),
            width=9,
            runbooks=("LogRotationOverdue",),
        ),
        Lines(
            title="Lines at WARNING or worse",
            description=(
                "New lines in each interval, by file and level. The shop writes them, not storekeeper."
            ),
            queries=(
                Query(
                    expression=increase("storekeeper_log_messages_total", FILE, by=("file", "level")),
                    legend="{{level}} {{file}} ({{shop}} {{instance}})",
                ),
            ),
            unit="locale",
            bars=True,
            width=14,
            height=9,
            runbooks=("ErrorsInLogs",),
        ),
        Table(
            title="Lines in the shown time",
            description="How many lines at WARNING or worse each file took in the shown time.",
            labels={"file": "File", "level": "Level", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="Lines",
                    expression=increase(
                        "storekeeper_log_messages_total",
                        FILE,
                        by=("file", "level"),
                        window="$__range",
                    ),
                    unit="locale",
                ),
            ),
            sort_by="Lines",
            width=10,
            height=9,
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="storekeeper-logs-backups",
    title="storekeeper: logs and backups",
    description="Errors, age and size of the logs; number, age and proof of the backups.",
    variables=(
        Variable(
            name="file",
            label="Log file",
            query=f"label_values({select('storekeeper_log_messages_total')}, file)",
        ),
    ),
    rows=(BACKUP_ROW, RECOVERY_ROW, LOG_ROW),
)
