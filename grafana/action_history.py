"""Which alerts came in, what did storekeeper do about them, and did it help?"""

from typing import Final

from alerts import firing
from expressions import each, increase, latest, select, total
from frame import Dashboard, Row, Variable
from panels import NEUTRAL, NONE_IS_GOOD, Column, Lines, Query, Stat, Table

CHOSEN: Final = 'action=~"$action"'
ACTION: Final = ("action",)
LEGEND: Final = "{{action}} ({{shop}} {{instance}})"

SUMMARY: Final = Row(
    title="In the shown time",
    panels=(
        Stat(
            title="Alerts received",
            description=(
                "Alerts that Alertmanager sent to the receiver, firing or resolved, repeats included. Those "
                "that it cut from its messages never arrive: set `max_alerts: 0` in its webhook."
            ),
            queries=(
                Query(
                    expression=total(increase("storekeeper_alerts_received_total", window="$__range")),
                    legend="received",
                ),
                Query(
                    expression=total(increase("storekeeper_alerts_truncated_total", window="$__range")),
                    legend="cut",
                    steps=NONE_IS_GOOD,
                ),
            ),
            unit="locale",
            steps=NEUTRAL,
            width=4,
        ),
        Stat(
            title="Runs",
            description="Runs of actions, whether an alert, the schedule or a person started them.",
            queries=(
                Query(
                    expression=total(
                        increase("storekeeper_action_runs_total", CHOSEN, by=ACTION, window="$__range")
                    ),
                    legend="runs",
                ),
            ),
            unit="locale",
            steps=NEUTRAL,
            width=4,
        ),
        Stat(
            title="Failed runs",
            description="Runs that failed. `storekeeper runs ID` tells the reason and what to do.",
            queries=(
                Query(
                    expression=total(
                        increase("storekeeper_action_failures_total", CHOSEN, by=ACTION, window="$__range")
                    ),
                    legend="runs",
                ),
            ),
            unit="locale",
            steps=NONE_IS_GOOD,
            width=4,
            runbooks=("ActionFailing",),
        ),
        Stat(
            title="Freed",
            description="Bytes that the actions freed, as each run measured them.",
            queries=(
                Query(
                    expression=total(
                        increase("storekeeper_action_freed_bytes_total", CHOSEN, by=ACTION, window="$__range")
                    ),
                    legend="freed",
                ),
            ),
            unit="decbytes",
            decimals=1,
            steps=NEUTRAL,
            width=4,
        ),
        Stat(
            title="Running now",
            description="Actions that run at this moment; at most one for each resource.",
            queries=(
                Query(expression=total(select("storekeeper_action_running", CHOSEN)), legend="actions"),
            ),
            unit="locale",
            steps=NEUTRAL,
            width=4,
        ),
        Stat(
            title="Given up, a person is needed",
            description=(
                "Alerts that still fire although storekeeper has spent its budget of runs for them. It "
                "starts nothing more before the budget is renewed."
            ),
            queries=(Query(expression=total(select("storekeeper_episodes_exhausted")), legend="alerts"),),
            unit="locale",
            steps=NONE_IS_GOOD,
            width=4,
            runbooks=("ActionsExhausted",),
        ),
        Table(
            title="Actions",
            description=(
                "For each action its runs, failures and freed bytes in the shown time, and when it last "
                "succeeded. One that never succeeded has no time."
            ),
            labels={"action": "Action", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="Runs",
                    expression=increase(
                        "storekeeper_action_runs_total", CHOSEN, by=ACTION, window="$__range"
                    ),
                    unit="locale",
                ),
                Column(
                    title="Failed",
                    expression=increase(
                        "storekeeper_action_failures_total", CHOSEN, by=ACTION, window="$__range"
                    ),
                    unit="locale",
                    steps=NONE_IS_GOOD,
                ),
                Column(
                    title="Freed",
                    expression=increase(
                        "storekeeper_action_freed_bytes_total", CHOSEN, by=ACTION, window="$__range"
                    ),
                    unit="decbytes",
                    decimals=1,
                ),
                Column(
                    title="Last success",
                    expression=latest(
                        "storekeeper_action_last_success_timestamp_seconds", CHOSEN, by=("action",)
                    )
                    + " * 1000",
                    unit="dateTimeFromNow",
                ),
            ),
            sort_by="Runs",
            width=14,
            height=10,
        ),
        Table(
            title="Alerts that were given up",
            description="Each alert whose budget of runs is spent. Make room by hand, or raise the limit.",
            labels={"alertname": "Alert", "resource": "Resource", "shop": "Shop", "instance": "Instance"},
            columns=(
                Column(
                    title="Episodes",
                    expression=(
                        f"sum by ({each('alertname', 'resource')}) "
                        f"({select('storekeeper_episodes_exhausted')}) > 0"
                    ),
                    unit="locale",
                    steps=NONE_IS_GOOD,
                ),
            ),
            sort_by="Episodes",
            width=10,
            height=10,
            runbooks=("ActionsExhausted",),
            empty="none: storekeeper copes alone",
        ),
    ),
)

OVER_TIME: Final = Row(
    title="Over time",
    panels=(
        Lines(
            title="Runs by action",
            description="Runs that ended in each interval.",
            queries=(
                Query(expression=increase("storekeeper_action_runs_total", CHOSEN, by=ACTION), legend=LEGEND),
            ),
            unit="locale",
            bars=True,
            width=8,
        ),
        Lines(
            title="Failed runs by action",
            description="Runs that failed in each interval.",
            queries=(
                Query(
                    expression=increase("storekeeper_action_failures_total", CHOSEN, by=ACTION),
                    legend=LEGEND,
                ),
            ),
            unit="locale",
            bars=True,
            width=8,
            runbooks=("ActionFailing",),
        ),
        Lines(
            title="Freed by action",
            description="Bytes that were freed in each interval.",
            queries=(
                Query(
                    expression=increase("storekeeper_action_freed_bytes_total", CHOSEN, by=ACTION),
                    legend=LEGEND,
                ),
            ),
            unit="decbytes",
            decimals=1,
            bars=True,
            width=8,
        ),
        Lines(
            title="Alerts received and skipped",
            description=(
                "Alerts that arrived in each interval, and those that started nothing, by reason: for "
                "example no playbook, or the cooldown. Skipping is normal."
            ),
            queries=(
                Query(
                    expression=increase("storekeeper_alerts_received_total"),
                    legend="received ({{shop}} {{instance}})",
                ),
                Query(
                    expression=increase("storekeeper_alerts_skipped_total", by=("reason",)),
                    legend="skipped: {{reason}} ({{shop}} {{instance}})",
                ),
            ),
            unit="locale",
            bars=True,
            width=8,
        ),
        Lines(
            title="Told to people",
            description=(
                "What was told about runs in each interval: through Alertmanager, as annotations in Grafana, "
                "and silences. What could not be told at once is tried again; what is given up stands in the "
                "receiver's log."
            ),
            queries=(
                Query(
                    expression=increase("storekeeper_notifications_total", by=("target", "outcome")),
                    legend="{{target}}: {{outcome}} ({{shop}} {{instance}})",
                ),
            ),
            unit="locale",
            bars=True,
            width=8,
        ),
        Lines(
            title="Firing alerts by name",
            description="How many alerts of each name fire. After a run that helped, the line ends.",
            queries=(
                Query(
                    expression=f"count by ({each('alertname')}) ({firing()})",
                    legend="{{alertname}} ({{shop}} {{instance}})",
                ),
            ),
            unit="locale",
            width=8,
            empty="no alert fires",
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="storekeeper-actions",
    title="storekeeper: alerts and actions",
    description="The alerts that came in, the actions that ran, what they freed and what failed.",
    variables=(
        Variable(
            name="action",
            label="Action",
            query=f"label_values({select('storekeeper_action_runs_total')}, action)",
        ),
    ),
    rows=(SUMMARY, OVER_TIME),
)
