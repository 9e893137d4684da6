"""The row of the overview that shows how full everything is, and when it will be full."""

from typing import Final

from expressions import each, latest, select
from frame import Row
from panels import MORE_THAN_A_YEAR, USAGE, Bars, Column, Query, Table

DAY: Final = 86400

RATIO: Final = select("storekeeper:usage:ratio", 'resource=~"$resource"')


def _named(vector: str) -> str:
    # Databases and disks have a name of their own; an area is its resource.
    named = f'label_join({vector}, "name", "", "database", "mountpoint")'
    return f"max by ({each('resource', 'name')}) ({named})"


def _sizes(*, database: str, area: str, disk: str, storage: str) -> str:
    parts = (
        f'label_replace({database}, "resource", "database", "", "")',
        f'label_replace({area}, "resource", "$1", "area", "(.+)")',
        f'label_replace({disk}, "resource", "disk", "", "")',
        f'label_replace({storage}, "resource", "storage", "", "")',
    )
    return f"{_named(' or '.join(parts))} and on ({each('resource', 'name')}) {USED_SHARE}"


def _latest_sizes(what: str, *, disk: str) -> str:
    return _sizes(
        database=latest(f"storekeeper_database_{what}_bytes", by=("database",)),
        area=latest(f"storekeeper_area_{what}_bytes", by=("area",)),
        disk=disk,
        storage=latest(f"storekeeper_storage_{what}_bytes"),
    )


USED_SHARE: Final = _named(RATIO)
DISK_USED: Final = latest("storekeeper_disk_used_bytes", by=("mountpoint",))
DISK_AVAILABLE: Final = latest("storekeeper_disk_available_bytes", by=("mountpoint",))
USED: Final = _latest_sizes("size", disk=DISK_USED)
LIMIT: Final = _latest_sizes("limit", disk=f"({DISK_USED} + {DISK_AVAILABLE})")

# What does not grow takes longer than a year, and what is over its limit takes no time.
TIME_TO_FULL: Final = (
    f"clamp({_named(f'(1 - {RATIO}) / clamp_min(deriv({RATIO}[1d]), 1e-12)')}, 0, {365 * DAY})"
)

FILL_LEVELS: Final = Row(
    title="Fill levels",
    panels=(
        Bars(
            title="Usage against limits",
            description=(
                "Used share of each limit. Disks count as df does: used / (used + available). Yellow from "
                "80%, orange from 90%, red from 95%: there the alerts start, and storekeeper acts."
            ),
            queries=(Query(expression=USED_SHARE, legend="{{resource}} {{name}} ({{shop}} {{instance}})"),),
            unit="percentunit",
            decimals=1,
            steps=USAGE,
            maximum=1,
            width=10,
            height=10,
            runbooks=("StorageUsageWarning", "StorageUsageCritical", "StorageUsageEmergency"),
            empty="no limit is set",
        ),
        Table(
            title="Used, limit and time to full",
            description=(
                "Time to full goes on with the pace of the last day; red below one day, yellow below a week. "
                "What shrinks or stands still takes more than a year."
            ),
            labels={"resource": "Resource", "name": "Name", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(title="Used", expression=USED, unit="decbytes", decimals=1),
                Column(title="Limit", expression=LIMIT, unit="decbytes", decimals=1),
                Column(title="Usage", expression=USED_SHARE, unit="percentunit", decimals=1, steps=USAGE),
                Column(
                    title="Time to full",
                    expression=TIME_TO_FULL,
                    unit="s",
                    decimals=1,
                    steps=((None, "red"), (DAY, "yellow"), (7 * DAY, "green")),
                    meanings=(MORE_THAN_A_YEAR,),
                ),
            ),
            sort_by="Usage",
            width=14,
            height=10,
            runbooks=("StorageWillFillSoon",),
        ),
    ),
)
