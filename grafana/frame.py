"""The frame that all dashboards share: variables, links, annotations, rows and the numbers of the panels."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts import RUNBOOK_FOLDER
from expressions import increase, latest
from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from panels import DATA_SOURCE, Bars, Lines, Stat, Table

TAG: Final = "storekeeper"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A heading and the panels below it, placed from left to right; each line of panels fills 24 columns."""

    title: str
    panels: Sequence[Stat | Bars | Lines | Table]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A list at the top of the dashboard, filled by ``query`` (``label_values(…)``); all values at first."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One dashboard. ``uid`` is a contract: alert rules and people's bookmarks name it."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    variables: Sequence[Variable] = ()

    def build(self) -> model.Dashboard:
        """Give the SDK's dashboard: read-only, last week, linked with the others."""
        built = dashboard.Dashboard(self.title).uid(self.uid).description(self.description).tags([TAG])
        built.readonly().time("now-7d", "now").refresh("1m").timezone("browser")
        built.tooltip(model.DashboardCursorSync.CROSSHAIR)
        built.with_variable(
            dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
        for variable in (SHOP, INSTANCE, *self.variables):
            built.with_variable(_sdk_variable(variable))
        for link in _links():
            built.link(link)
        for annotation in ANNOTATIONS:
            built.annotation(annotation)
        for row in self.rows:
            built.with_row(dashboard.Row(row.title))
            for panel in row.panels:
                built.with_panel(panel)
        return _numbered(built.build())


@dataclass(frozen=True, kw_only=True)
class Annotation(Builder[model.AnnotationQuery]):
    """
    Marks on every graph, from an expression.

    With ``value_is_time`` the value is the time of the mark in milliseconds, else a positive value marks its
    own time. ``text`` may hold ``{{label}}``.
    """

    name: str
    expression: str
    color: str
    title: str
    text: str
    value_is_time: bool = False

    def build(self) -> model.AnnotationQuery:
        """Give the SDK's annotation."""
        return _PrometheusAnnotation(self)


class _PrometheusAnnotation(model.AnnotationQuery):
    """The SDK's annotation and the keys that only Prometheus data sources know."""

    def __init__(self, described: Annotation) -> None:
        super().__init__(
            name=described.name,
            datasource=DATA_SOURCE,
            enable=True,
            icon_color=described.color,
            expr=described.expression,
        )
        self._described = described

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "step": "1m",
            "titleFormat": self._described.title,
            "textFormat": self._described.text,
            "useValueForTime": self._described.value_is_time,
        }


SHOP: Final = Variable(
    name="shop", label="Shop", query='label_values(storekeeper_build_info{shop=~".+"}, shop)'
)
INSTANCE: Final = Variable(
    name="instance",
    label="Instance",
    query='label_values(storekeeper_build_info{shop=~"$shop"}, instance)',
)

ANNOTATIONS: Final = (
    Annotation(
        name="Actions",
        expression=f"{increase('storekeeper_action_runs_total', by=('action',))} > 0",
        color="purple",
        title="{{action}}",
        text="storekeeper ran {{action}} for {{shop}} at {{instance}}",
    ),
    Annotation(
        name="Backups",
        expression=f"{latest('storekeeper_backup_last_success_timestamp_seconds', by=('kind',))} * 1000",
        color="blue",
        title="Backup of {{kind}}",
        text="A complete {{kind}} backup of {{shop}}",
        value_is_time=True,
    ),
)


def _sdk_variable(variable: Variable) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(DATA_SOURCE)
        .query(variable.query)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )


def _links() -> list[dashboard.DashboardLink]:
    return [
        dashboard.DashboardLink("storekeeper")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .keep_time(True)
        .include_vars(True)
        .tooltip("The other dashboards, for the same time, shop and instance"),
        dashboard.DashboardLink("Runbooks")
        .type(model.DashboardLinkType.LINK)
        .icon("doc")
        .url(RUNBOOK_FOLDER.replace("/blob/", "/tree/"))
        .target_blank(True)
        .tooltip("What to do for each alert"),
    ]


def _numbered(built: model.Dashboard) -> model.Dashboard:
    # From the title, so that a new panel changes no other number: links to one panel go by it.
    for panel in built.panels or ():
        panel.id_val = zlib.crc32(f"{type(panel).__name__} {panel.title}".encode()) % 1_000_000
    return built
