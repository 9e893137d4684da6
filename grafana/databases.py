"""How large are the databases, which tables make them so, and how much of that is unused?"""

from typing import Final

from expressions import each, growth, growth_per_100_orders, latest, select
from frame import Dashboard, Row, Variable
from panels import ANSWERS, USAGE, Bars, Column, Lines, Query, Stat, Table

CHOSEN: Final = 'database=~"$database"'
DATABASE: Final = ("database",)
TABLE: Final = ("database", "table")
LEGEND: Final = "{{database}} ({{shop}} {{instance}})"

SIZE: Final = latest("storekeeper_database_size_bytes", CHOSEN, by=DATABASE)
RECLAIMABLE: Final = latest("storekeeper_database_reclaimable_bytes", CHOSEN, by=DATABASE)
TABLE_SIZE: Final = latest("storekeeper_table_size_bytes", CHOSEN, by=TABLE)

NOW: Final = Row(
    title="Now",
    panels=(
        Stat(
            title="Databases that answer",
            description=(
                "Whether each database answered the last scrape. Without an answer nothing is measured."
            ),
            queries=(
                Query(
                    expression=f"min by ({each('database')}) ({select('storekeeper_database_up', CHOSEN)})",
                    legend=LEGEND,
                ),
            ),
            unit="none",
            meanings=(ANSWERS,),
            width=6,
            height=7,
            runbooks=("CollectorFailing",),
        ),
        Bars(
            title="Usage against limits",
            description="Size of each database as a share of its limit in storekeeper.yml.",
            queries=(
                Query(
                    expression=latest("storekeeper:usage:ratio", 'resource="database"', CHOSEN, by=DATABASE),
                    legend=LEGEND,
                ),
            ),
            unit="percentunit",
            decimals=1,
            steps=USAGE,
            maximum=1,
            width=6,
            height=7,
            runbooks=("StorageUsageWarning", "StorageUsageCritical", "StorageUsageEmergency"),
            empty="no limit is set",
        ),
        Bars(
            title="Reclaimable share",
            description=(
                "Share of each database that holds nothing and that optimize_database gives back. The alert "
                "starts above 25%, when that is more than 10 MB."
            ),
            queries=(Query(expression=f"{RECLAIMABLE} / ({SIZE} > 0)", legend=LEGEND),),
            unit="percentunit",
            decimals=1,
            steps=((None, "green"), (0.25, "yellow")),
            maximum=1,
            width=6,
            height=7,
            runbooks=("DatabaseNeedsOptimizing",),
        ),
        Stat(
            title="Growth per 100 orders",
            description=(
                "Growth in the shown time, divided by the orders that came in. 200 to 500 kB are usual; "
                "above that something other than orders is written."
            ),
            queries=(
                Query(
                    expression=growth_per_100_orders("storekeeper_database_size_bytes", CHOSEN, by=DATABASE),
                    legend=LEGEND,
                ),
            ),
            unit="decbytes",
            decimals=1,
            steps=((None, "green"), (500e3, "yellow")),
            width=6,
            height=7,
            runbooks=("StorageGrowthUnexpected",),
            empty="no orders",
        ),
    ),
)

OVER_TIME: Final = Row(
    title="Over time",
    panels=(
        Lines(
            title="Size and limit",
            description=(
                "Size of each database and its limit. A size above its limit stops nothing by itself."
            ),
            queries=(
                Query(expression=SIZE, legend=f"size {LEGEND}"),
                Query(
                    expression=latest("storekeeper_database_limit_bytes", CHOSEN, by=DATABASE),
                    legend=f"limit {LEGEND}",
                ),
            ),
            unit="decbytes",
            decimals=1,
            width=12,
            height=9,
        ),
        Lines(
            title="Reclaimable bytes",
            description=(
                "Bytes inside each database that hold nothing. They fall to almost 0 after optimising."
            ),
            queries=(Query(expression=RECLAIMABLE, legend=LEGEND),),
            unit="decbytes",
            decimals=1,
            width=12,
            height=9,
        ),
    ),
)

TABLES: Final = Row(
    title="Tables",
    panels=(
        Table(
            title="Tables by size",
            description=(
                "Rows and size of each table with its indexes, and how both changed in the shown time. Rows "
                "are estimates where an exact count would be slow."
            ),
            labels={"database": "Database", "table": "Table", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="Rows",
                    expression=latest("storekeeper_table_rows", CHOSEN, by=TABLE),
                    unit="locale",
                ),
                Column(title="Size", expression=TABLE_SIZE, unit="decbytes", decimals=1),
                Column(
                    title="New rows",
                    expression=f"round({growth('storekeeper_table_rows', CHOSEN, by=TABLE)})",
                    unit="locale",
                ),
                Column(
                    title="Growth",
                    expression=growth("storekeeper_table_size_bytes", CHOSEN, by=TABLE),
                    unit="decbytes",
                    decimals=1,
                ),
            ),
            sort_by="Size",
            width=12,
            height=12,
        ),
        Lines(
            title="The ten largest tables",
            description="Size over time of the tables that are largest at the end of the shown time.",
            queries=(
                Query(
                    expression=(
                        f"{TABLE_SIZE} and topk by ({each()}) (10, max by ({each(*TABLE)}) "
                        f"({select('storekeeper_table_size_bytes', CHOSEN)} @ end()))"
                    ),
                    legend="{{database}} {{table}} ({{shop}} {{instance}})",
                ),
            ),
            unit="decbytes",
            decimals=1,
            width=12,
            height=12,
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="storekeeper-databases",
    title="storekeeper: databases",
    description="Size, growth and unused space of the shop's databases, down to the tables.",
    variables=(
        Variable(
            name="database",
            label="Database",
            query=f"label_values({select('storekeeper_database_up')}, database)",
        ),
    ),
    rows=(NOW, OVER_TIME, TABLES),
)
