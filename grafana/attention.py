"""The row of the overview that tells what needs a person."""

from typing import Final

from alerts import FIRING_SINCE, RUNBOOK_FOLDER, firing
from expressions import count, each, increase, latest, select, total
from frame import Row
from panels import ANSWERS, NONE_IS_GOOD, SOME_ARE_USUAL, Column, Query, Stat, Table

HOUR: Final = 3600
DAY: Final = 86400

# `up` belongs to Prometheus and knows no shop: the targets that storekeeper was seen at name theirs.
SERVICES: Final = (
    f"min by ({each('job')}) (last_over_time({select('storekeeper:target:seen')}[1d:1m]) "
    "* on (job, instance) group_left () up)"
)

NEEDS_A_PERSON: Final = Row(
    title="What needs a person",
    panels=(
        Stat(
            title="Alerts that fire",
            description=(
                "Alerts of storekeeper that fire now, by severity; those of the level emergency apart. "
                "Warnings usually end by themselves: storekeeper acts on them. An emergency means that "
                "writes may fail soon."
            ),
            queries=tuple(
                Query(
                    expression=count(firing(*matchers)),
                    legend=legend,
                    steps=((None, "green"), (1, color)),
                )
                for legend, color, matchers in (
                    ("emergency", "red", ('level="emergency"',)),
                    ("critical", "orange", ('severity="critical"', 'level!="emergency"')),
                    ("warning", "yellow", ('severity="warning"',)),
                )
            ),
            unit="short",
            width=6,
        ),
        Stat(
            title="Given up, a person is needed",
            description=(
                "Alerts that still fire although storekeeper has spent its budget of runs for them. It "
                "starts nothing more before the budget is renewed."
            ),
            queries=(Query(expression=total(select("storekeeper_episodes_exhausted")), legend="alerts"),),
            unit="short",
            steps=NONE_IS_GOOD,
            width=3,
            runbooks=("ActionsExhausted",),
        ),
        Stat(
            title="Runs to approve",
            description=(
                "Runs that wait for a person: `storekeeper approve RUN`, `storekeeper cancel RUN`, or the "
                "receiver's page."
            ),
            queries=(Query(expression=total(select("storekeeper_runs_waiting")), legend="runs"),),
            unit="short",
            steps=SOME_ARE_USUAL,
            width=3,
            runbooks=("ApprovalNeeded",),
        ),
        Stat(
            title="Failed actions",
            description="Runs that failed in the shown time. `storekeeper runs` tells why.",
            queries=(
                Query(
                    expression=total(
                        increase("storekeeper_action_failures_total", by=("action",), window="$__range")
                    ),
                    legend="runs",
                ),
            ),
            unit="short",
            steps=NONE_IS_GOOD,
            width=4,
            runbooks=("ActionFailing",),
        ),
        Stat(
            title="Age of the newest backup",
            description=(
                "How long ago the newest complete backup of each kind was made, read from the files. The "
                "alert starts at 26 hours for the database and at 8 days for media."
            ),
            queries=(
                Query(
                    expression="time() - "
                    + latest(
                        "storekeeper_backup_last_success_timestamp_seconds", 'kind="database"', by=("kind",)
                    ),
                    legend="{{kind}} ({{shop}} {{instance}})",
                    steps=((None, "green"), (26 * HOUR, "red")),
                ),
                Query(
                    expression="time() - "
                    + latest(
                        "storekeeper_backup_last_success_timestamp_seconds", 'kind!="database"', by=("kind",)
                    ),
                    legend="{{kind}} ({{shop}} {{instance}})",
                    steps=((None, "green"), (8 * DAY, "red")),
                ),
            ),
            unit="s",
            decimals=1,
            width=5,
            runbooks=("BackupTooOld",),
            empty="no backup",
        ),
        Stat(
            title="Kinds without a backup",
            description="Kinds of backups (database, media) of which not one complete backup exists.",
            queries=(
                Query(
                    expression=count(
                        f"{latest('storekeeper_backups', by=('kind',))} unless "
                        + latest("storekeeper_backup_last_success_timestamp_seconds", by=("kind",))
                    ),
                    legend="kinds",
                ),
            ),
            unit="short",
            steps=NONE_IS_GOOD,
            width=3,
            runbooks=("BackupTooOld",),
        ),
        Table(
            title="Firing alerts",
            description="Each alert that fires, and since when. The name opens its runbook.",
            labels={
                "alertname": "Alert",
                "severity": "Severity",
                "level": "Level",
                "resource": "Resource",
                "shop": "Shop",
                "instance": "Instance",
            },
            columns=(Column(title="Since", expression=FIRING_SINCE, unit="dateTimeFromNow"),),
            sort_by="Since",
            address={"alertname": f"{RUNBOOK_FOLDER}/${{__value.raw}}.md"},
            width=16,
            height=7,
            empty="No alert fires",
        ),
        Stat(
            title="Services",
            description="Whether the exporter (measures) and the receiver (acts) answered the last scrape.",
            queries=(Query(expression=SERVICES, legend="{{job}} ({{shop}} {{instance}})"),),
            unit="none",
            meanings=(ANSWERS,),
            width=4,
            height=7,
            runbooks=("StorekeeperDown", "ShopNotMeasured"),
        ),
        Stat(
            title="Collectors that fail",
            description=(
                "Parts of the measurement that failed at the last scrape. Panels and alerts that need them "
                "are blind; the others go on."
            ),
            queries=(
                Query(
                    expression=count(f"{latest('storekeeper_collector_success', by=('collector',))} == 0"),
                    legend="collectors",
                ),
            ),
            unit="short",
            steps=NONE_IS_GOOD,
            width=4,
            height=7,
            runbooks=("CollectorFailing", "MeasurementTooOld", "StorageNotMeasured"),
        ),
    ),
)
