"""How full is everything, when will it be full, and what needs a person?"""

from typing import Final

from attention import NEEDS_A_PERSON
from expressions import each, growth, latest, select
from fill_levels import DISK_AVAILABLE, FILL_LEVELS, USED_SHARE
from frame import Dashboard, Row, Variable
from panels import ANSWERS, IN_USE, USAGE, Bars, Column, Lines, Query, Table

HOUR: Final = 3600

OVER_TIME: Final = Row(
    title="Over time",
    panels=(
        Lines(
            title="Usage over time",
            description="Used share of each limit, with the lines of 80%, 90% and 95%.",
            queries=(Query(expression=USED_SHARE, legend="{{resource}} {{name}} ({{shop}} {{instance}})"),),
            unit="percentunit",
            decimals=1,
            steps=USAGE,
            maximum=1,
            width=12,
            height=10,
        ),
        Lines(
            title="Sizes over time",
            description="Size of each database and each area. Steps down are cleanups; the marks name them.",
            queries=(
                Query(
                    expression=latest("storekeeper_database_size_bytes", by=("database",)),
                    legend="database {{database}} ({{shop}} {{instance}})",
                ),
                Query(
                    expression=latest("storekeeper_area_size_bytes", by=("area",)),
                    legend="{{area}} ({{shop}} {{instance}})",
                ),
            ),
            unit="decbytes",
            decimals=1,
            width=12,
            height=10,
        ),
        Bars(
            title="Growth in the shown time",
            description=(
                "By how much each database and area grew or shrank from the start of the shown time to its "
                "end. Set the time to 30 days for the monthly check."
            ),
            queries=(
                Query(
                    expression=growth("storekeeper_database_size_bytes", by=("database",)),
                    legend="database {{database}} ({{shop}} {{instance}})",
                ),
                Query(
                    expression=growth("storekeeper_area_size_bytes", by=("area",)),
                    legend="{{area}} ({{shop}} {{instance}})",
                ),
            ),
            unit="decbytes",
            decimals=1,
            width=12,
            runbooks=("StorageGrowthUnexpected",),
        ),
        Lines(
            title="Room on the disks",
            description="Bytes that the shop can still write on each disk; reserved blocks are not counted.",
            queries=(Query(expression=DISK_AVAILABLE, legend="{{mountpoint}} ({{shop}} {{instance}})"),),
            unit="decbytes",
            decimals=1,
            width=6,
        ),
        Lines(
            title="Free inodes",
            description=(
                "Share of the inodes of each disk that is free: new files fail at 0% even with free bytes. "
                "The alert starts below 10%. Some file systems count none."
            ),
            queries=(
                Query(
                    expression=latest("storekeeper_disk_files_free", by=("mountpoint",))
                    + f" / ({latest('storekeeper_disk_files', by=('mountpoint',))} > 0)",
                    legend="{{mountpoint}} ({{shop}} {{instance}})",
                ),
            ),
            unit="percentunit",
            decimals=1,
            steps=((None, "red"), (0.10, "green")),
            maximum=1,
            width=6,
            runbooks=("DiskFilesRunningOut",),
            empty="no inodes here",
        ),
    ),
)

MEASUREMENT: Final = Row(
    title="The measurement itself",
    panels=(
        Table(
            title="Collectors",
            description=(
                "Each part of the measurement: whether it worked, how old its last complete result is (the "
                "alert starts at 2 hours) and how long it took."
            ),
            labels={"collector": "Collector", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="Works",
                    expression=latest("storekeeper_collector_success", by=("collector",)),
                    unit="none",
                    steps=((None, "red"), (1, "green")),
                    meanings=(ANSWERS,),
                ),
                Column(
                    title="Age",
                    expression="time() - "
                    + latest("storekeeper_collector_last_success_timestamp_seconds", by=("collector",)),
                    unit="s",
                    decimals=1,
                    steps=((None, "green"), (2 * HOUR, "red")),
                ),
                Column(
                    title="Duration",
                    expression=latest("storekeeper_collector_duration_seconds", by=("collector",)),
                    unit="s",
                    decimals=3,
                ),
            ),
            sort_by="Age",
            width=12,
            height=9,
        ),
        Table(
            title="Config",
            description=(
                "Whether the exporter measures by its config file as it is now, and how old the version is "
                "that it uses. A broken file changes nothing: `storekeeper check-config` tells what is wrong."
            ),
            labels={"shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="In use",
                    expression=latest("storekeeper_config_last_reload_successful"),
                    unit="none",
                    steps=((None, "red"), (1, "green")),
                    meanings=(IN_USE,),
                ),
                Column(
                    title="Age",
                    expression="time() - "
                    + latest("storekeeper_config_last_reload_success_timestamp_seconds"),
                    unit="s",
                    decimals=1,
                ),
            ),
            sort_by="Instance",
            largest_first=False,
            width=7,
            height=9,
        ),
        Table(
            title="Versions",
            description="Which version of storekeeper runs where.",
            labels={"version": "Version", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="Services",
                    expression=f"count by ({each('version')}) ({select('storekeeper_build_info')})",
                    unit="none",
                ),
            ),
            sort_by="Instance",
            largest_first=False,
            width=5,
            height=9,
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="storekeeper-overview",
    title="storekeeper: overview",
    description="How full the shop's storage is, when it will be full, and what needs a person.",
    variables=(
        Variable(
            name="resource",
            label="Resource",
            query=f"label_values({select('storekeeper:usage:ratio')}, resource)",
        ),
    ),
    rows=(NEEDS_A_PERSON, FILL_LEVELS, OVER_TIME, MEASUREMENT),
)
