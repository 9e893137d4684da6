"""What fills the folders that users see: media, static files, and the QR codes among them?"""

from typing import Final

from expressions import each, growth_per_100_orders, latest, select, total
from frame import Dashboard, Row, Variable
from panels import NEUTRAL, SOME_ARE_USUAL, USAGE, Bars, Column, Lines, Query, Stat, Table

# Logs and backups are areas too; they have a dashboard of their own.
CHOSEN: Final = ('area!~"logs|backups"', 'area=~"$area"')
AREA: Final = ("area",)
GROUP: Final = ("area", "group")
QR_CODES: Final = ("kind", "state")
TO_CLEAN: Final = 'state=~"expired|orphaned"'
LEGEND: Final = "{{area}} ({{shop}} {{instance}})"
QR_LEGEND: Final = "{{kind}} {{state}} ({{shop}} {{instance}})"

AREAS: Final = Row(
    title="Areas",
    panels=(
        Bars(
            title="Usage against limits",
            description="Size of each area as a share of its limit in storekeeper.yml.",
            queries=(Query(expression=latest("storekeeper:usage:ratio", *CHOSEN, by=AREA), legend=LEGEND),),
            unit="percentunit",
            decimals=1,
            steps=USAGE,
            maximum=1,
            width=8,
            height=9,
            runbooks=("StorageUsageWarning", "StorageUsageCritical", "StorageUsageEmergency"),
            empty="no limit is set",
        ),
        Table(
            title="Areas in figures",
            description=(
                "Size is what the files hold, on disk is what they take. Large files are those over the size "
                "in storekeeper.yml (10 MB unless changed); `storekeeper find_large_files` names them."
            ),
            labels={"area": "Area", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="Size",
                    expression=latest("storekeeper_area_size_bytes", *CHOSEN, by=AREA),
                    unit="decbytes",
                    decimals=1,
                ),
                Column(
                    title="On disk",
                    expression=latest("storekeeper_area_allocated_bytes", *CHOSEN, by=AREA),
                    unit="decbytes",
                    decimals=1,
                ),
                Column(
                    title="Limit",
                    expression=latest("storekeeper_area_limit_bytes", *CHOSEN, by=AREA),
                    unit="decbytes",
                    decimals=1,
                ),
                Column(
                    title="Files",
                    expression=latest("storekeeper_area_files", *CHOSEN, by=AREA),
                    unit="locale",
                ),
                Column(
                    title="Large files",
                    expression=latest("storekeeper_area_large_files", *CHOSEN, by=AREA),
                    unit="locale",
                    steps=SOME_ARE_USUAL,
                ),
            ),
            sort_by="Size",
            width=16,
            height=9,
        ),
        Lines(
            title="Size by group",
            description=(
                "Size of each group of folders that storekeeper.yml names, such as products or qr_codes."
            ),
            queries=(
                Query(
                    expression=latest("storekeeper_group_size_bytes", *CHOSEN, by=GROUP),
                    legend="{{area}} {{group}} ({{shop}} {{instance}})",
                ),
            ),
            unit="decbytes",
            decimals=1,
            width=12,
            height=9,
        ),
        Lines(
            title="Files by group",
            description="Number of files in each group of folders.",
            queries=(
                Query(
                    expression=latest("storekeeper_group_files", *CHOSEN, by=GROUP),
                    legend="{{area}} {{group}} ({{shop}} {{instance}})",
                ),
            ),
            unit="locale",
            width=12,
            height=9,
        ),
    ),
)

QR: Final = Row(
    title="QR codes",
    panels=(
        Stat(
            title="QR codes to clean",
            description=(
                "QR codes that are expired or belong to nothing, by kind. The weekly cleanup removes those "
                "past their time; the alert starts above 1000."
            ),
            queries=(
                Query(
                    expression=(
                        f"sum by ({each('kind')}) ({latest('storekeeper_qr_codes', TO_CLEAN, by=QR_CODES)})"
                    ),
                    legend="{{kind}} ({{shop}} {{instance}})",
                ),
            ),
            unit="locale",
            steps=((None, "green"), (1000, "yellow")),
            width=6,
            height=9,
            runbooks=("ExpiredQRCodesPileUp",),
            empty="no QR codes",
        ),
        Lines(
            title="QR codes by state",
            description="Number of QR codes that are live, expired, or orphaned (no row names the file).",
            queries=(Query(expression=latest("storekeeper_qr_codes", by=QR_CODES), legend=QR_LEGEND),),
            unit="locale",
            width=9,
            height=9,
        ),
        Lines(
            title="Size of QR codes by state",
            description="Bytes of the QR codes in each state. Expired and orphaned bytes can be freed.",
            queries=(
                Query(expression=latest("storekeeper_qr_codes_size_bytes", by=QR_CODES), legend=QR_LEGEND),
            ),
            unit="decbytes",
            decimals=1,
            width=9,
            height=9,
        ),
    ),
)

CARE: Final = Row(
    title="Orphans and growth",
    panels=(
        Stat(
            title="Orphaned files",
            description=(
                "Files that no row of any model names. storekeeper moves them to quarantine only when its "
                "playbook says so. See them with `storekeeper cleanup_orphaned_media --dry-run`."
            ),
            queries=(Query(expression=total(select("storekeeper_orphaned_files", *CHOSEN)), legend="files"),),
            unit="locale",
            steps=SOME_ARE_USUAL,
            width=4,
            height=9,
            runbooks=("OrphanedMediaFound",),
        ),
        Stat(
            title="Originals kept",
            description=(
                "Originals of images that `optimize_images` keeps for the way back. They are no orphans; "
                "`cleanup_orphaned_media` sets them aside when room is needed."
            ),
            queries=(Query(expression=total(select("storekeeper_replaced_files", *CHOSEN)), legend="files"),),
            unit="locale",
            steps=NEUTRAL,
            width=4,
            height=9,
        ),
        Lines(
            title="Size of orphaned files and of originals",
            description="Bytes that the orphaned files of each area take, and the originals of images.",
            queries=(
                Query(expression=latest("storekeeper_orphaned_size_bytes", *CHOSEN, by=AREA), legend=LEGEND),
                Query(
                    expression=latest("storekeeper_replaced_size_bytes", *CHOSEN, by=AREA),
                    legend="originals in {{area}} ({{shop}} {{instance}})",
                ),
            ),
            unit="decbytes",
            decimals=1,
            width=6,
            height=9,
        ),
        Stat(
            title="Growth per 100 orders",
            description=(
                "Growth in the shown time, divided by the orders that came in. For media 5 to 10 MB are "
                "usual, most of it QR codes."
            ),
            queries=(
                Query(
                    expression=growth_per_100_orders("storekeeper_area_size_bytes", *CHOSEN, by=AREA),
                    legend=LEGEND,
                ),
            ),
            unit="decbytes",
            decimals=1,
            steps=((None, "green"), (10e6, "yellow")),
            width=5,
            height=9,
            runbooks=("StorageGrowthUnexpected",),
            empty="no orders",
        ),
        Lines(
            title="Orders",
            description="Number of orders in the shop: growth of storage is judged against it.",
            queries=(Query(expression=latest("storekeeper_orders"), legend="{{shop}} {{instance}}"),),
            unit="locale",
            minimum=None,
            width=5,
            height=9,
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="storekeeper-media",
    title="storekeeper: media and QR codes",
    description="Size, groups and orphans of media and static files, and the life of QR codes.",
    variables=(
        Variable(
            name="area",
            label="Area",
            query=f"label_values({select('storekeeper_area_files', CHOSEN[0])}, area)",
        ),
    ),
    rows=(AREAS, QR, CARE),
)
